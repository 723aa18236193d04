import { describe, expect, it, onTestFinished } from 'vitest';
import { useFaultServer } from './fault-server.js';
import { buildMutant, type Mutation } from './mutant.js';
import { killedListener } from './scenarios/listener.js';
import { skewedClocks } from './scenarios/skewed-clock.js';
import { lateSettlement } from './scenarios/stopped-worker.js';
import { World } from './world.js';

interface Mutant {
  readonly mutations: readonly Mutation[];
  readonly scenario: (world: World) => Promise<void>;
  /** What is found: an invariant, or the text of a failed expectation. */
  readonly caughtBy: string;
}

const TRIES = 3;
const EXCHANGE = 'store/statements/exchange.js';
const LEASE = 'store/statements/lease.js';
const RUNTIME = 'notify-queue.runtime.js';
const GRANTED = (ms: string): string => `clock_timestamp() + make_interval(secs => ${ms}::float8 / 1000)`;
const BY_THE_APPLICATION = (ms: string): string => `to_timestamp(${ms}::float8 / 1000)`;

/** Builds with a mistake that the faults must bring to light: without this, a checker that finds nothing proves nothing. */
const MUTANTS: Record<string, Mutant> = {
  'settles whoever holds the job': {
    mutations: [[EXCHANGE, 'AND j.reservation = f.reservation AND j.reserved_by = $3::uuid', '']],
    scenario: lateSettlement,
    caughtBy: 'I2',
  },
  'does not look again when the listener was lost and has come back': {
    mutations: [
      [RUNTIME, 'void this.engine?.parts.sweeper.sweep();\n        this.engine?.wakeAll();', ''],
      [RUNTIME, 'void this.engine?.parts.sweeper.sweep();', ''],
      [RUNTIME, 'isListening: () => this.listening', 'isListening: () => true'],
    ],
    scenario: killedListener,
    caughtBy: 'Waited for job:started',
  },
  'grants leases by the clock of the application': {
    mutations: [
      [LEASE, GRANTED('$6'), BY_THE_APPLICATION('$6')],
      [LEASE, GRANTED('$2'), BY_THE_APPLICATION('$2')],
      ['store/instance.store.js', 'queues, leaseMs, formerId', 'queues, Date.now() + leaseMs, formerId'],
      ['store/instance.store.js', '[instanceId, leaseMs]', '[instanceId, Date.now() + leaseMs]'],
    ],
    scenario: skewedClocks,
    caughtBy: 'I6',
  },
  'counts an attempt when it has ended, not when it begins': {
    mutations: [[EXCHANGE, ', attempt = least(j.attempt, 2147483646) + 1', '']],
    scenario: lateSettlement,
    caughtBy: 'I5',
  },
};

describe('a build that', { timeout: 90_000 }, () => {
  const server = useFaultServer();

  it.each(Object.entries(MUTANTS))('%s is caught', async (_, { mutations, scenario, caughtBy }) => {
    const mutant = await buildMutant(mutations);
    onTestFinished(() => mutant.remove());
    let found = '';
    // On a busy machine a fault may come a moment too late to do harm.
    for (let tries = 0; tries < TRIES && !found.includes(caughtBy); tries++) found = await find(mutant.root, scenario);
    expect(found).toContain(caughtBy);
  });

  /** What one run of a scenario brings to light. */
  async function find(root: string, scenario: Mutant['scenario']): Promise<string> {
    const world = await World.create(server.current, { root });
    try {
      const failure = await scenario(world).then(() => '', String);
      return [failure, ...(await world.violations()).map(({ invariant, text }) => `${invariant} ${text}`)].join('\n');
    } finally {
      await world.close();
    }
  }
});
