import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { NotifyQueueOptions } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { until } from '../support/wait.js';
import { startWorker, type Worker } from '../support/worker.js';

const SEED = Number(process.env['GROUP_SEED'] ?? 4711);
const STEPS = Number(process.env['GROUP_STEPS'] ?? 15);

/** The same numbers for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

interface Run {
  readonly group: string;
  readonly from: number;
  to: number;
}

/** The most runs of each queue's group that overlapped. A run of a process that was killed ended with it. */
async function mostAtOnce(workers: readonly Worker[]): Promise<Map<string, number>> {
  const runs = new Map<string, Run>();
  for (const worker of workers) {
    const endedAt = worker.hasExited ? (await worker.exited).at : Infinity;
    for (const event of worker.events) {
      if (event.type === 'job:started') {
        const group = `${event.queue} ${(event.payload as { group?: string }).group}`;
        runs.set(event.run!, { group, from: event.at, to: endedAt });
      } else if (event.type === 'job:returned' || event.type === 'job:threw') runs.get(event.run!)!.to = event.at;
    }
  }
  const steps = [...runs.values()].flatMap(({ group, from, to }) => [{ group, at: from, by: 1 }, { group, at: to, by: -1 }]);
  steps.sort((a, b) => a.at - b.at || a.by - b.by);
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  for (const { group, by } of steps) {
    const now = (running.get(group) ?? 0) + by;
    running.set(group, now);
    most.set(group, Math.max(most.get(group) ?? 0, now));
  }
  return most;
}

describe('groups, whatever happens to their jobs', () => {
  const database = useTestDatabase({ mayDeadlock: true });
  const start = useApps(database);

  it.each([
    { limit: 1, kills: false, rate: false },
    { limit: 3, kills: false, rate: true },
    { limit: 2, kills: true, rate: false },
  ])('hold their limit of $limit, never sleep and give up all slots; workers killed: $kills, a rate: $rate', { timeout: 120_000 }, async ({ limit, kills, rate }) => {
    await database.query('TRUNCATE notify_queue.jobs, notify_queue.job_history, notify_queue.job_groups, notify_queue.job_configs, notify_queue.job_keys, notify_queue.job_instances');
    const random = randomOf(SEED);
    const groups = { concurrency: limit, ...(rate && { rate: { limit: 50, per: '1s', burst: 3 } as const }) };
    const queues = { one: { concurrency: 5, groups }, two: { concurrency: 5, groups } };
    // Those of a dead process are found by a sweep only.
    const options: NotifyQueueOptions = { queues, ...(kills ? { sweepInterval: '300ms', lease: '2s', maxCrashes: 1_000 } : { sweepInterval: '10m' }) };
    const all: Worker[] = [];
    const begin = async () => {
      const worker = await startWorker({ url: database.url, options });
      all.push(worker);
      return worker;
    };
    let workers: readonly Worker[] = await Promise.all([begin(), begin(), begin()]);
    const { queue, dataSource } = await start({ queue: { queues: { nothing: {} } } });
    const ids: string[] = [];
    const anyId = () => ids[random(ids.length)] ?? crypto.randomUUID();
    const someQueue = () => (random(3) > 0 ? 'one' : 'two');
    const payloadOf = (group: string) => ({ group, ms: random(4) * 3, failures: random(8) === 0 ? 1 : 0 });
    const uniqueOf = (group: string) => ({ key: `${group}-${random(2)}`, onConflict: (['keep', 'replace', 'postpone'] as const)[random(3)]! });
    const again = async () => {
      const key = `again-${random(2)}`;
      const delay = random(5) === 0 ? random(60) : 0;
      ids.push((await queue.enqueue('work', payloadOf(key), { queue: 'one', delay, unique: { key, onConflict: 'again' } })).id);
    };
    const step = async (): Promise<void> => {
      const group = `g${random(3)}`;
      const name = random(10) === 0 ? 'transactional' : 'work';
      const common = { queue: someQueue(), group, ...(random(5) === 0 && { delay: random(60) }), ...(random(6) === 0 && { priority: random(3) - 1 }) };
      const kind = random(25);
      if (kind === 24) return again();
      if (kind < 5) ids.push((await queue.enqueue(name, payloadOf(group), common)).id);
      else if (kind < 7) ids.push(...(await queue.enqueueMany(name, Array.from({ length: 1 + random(12) }, () => payloadOf(group)), common)).map(({ id }) => id));
      else if (kind < 9) ids.push((await queue.enqueue(name, payloadOf(group), { ...common, unique: uniqueOf(group) })).id);
      else if (kind < 12) {
        const failure = new Error('rolled back');
        await dataSource
          .transaction(async (manager) => {
            for (let n = random(3); n >= 0; n--) {
              const unique = random(2) === 0 ? { unique: uniqueOf(group) } : {};
              ids.push((await queue.enqueue(name, payloadOf(group), { ...common, ...unique, manager })).id);
              if (random(3) === 0) ids.push(...(await queue.enqueueMany(name, [1, 2, 3].map(() => payloadOf(group)), { ...common, manager })).map(({ id }) => id));
            }
            await pause(random(150));
            if (random(3) === 0) throw failure;
          })
          .catch((error: unknown) => {
            // Two transactions that change the same two jobs in different order.
            if (error !== failure && (error as { driverError?: { code: string } }).driverError?.code !== '40P01' && !String(error).includes('deadlock')) throw error;
          });
      } else if (kind < 14) await queue.cancel(anyId(), { abort: random(2) === 0 });
      else if (kind === 14) await queue.cancelMany({ queue: common.queue, group, state: (['available', 'blocked', 'scheduled'] as const)[random(3)]! });
      else if (kind === 15) {
        const id = anyId();
        await queue.hold(id);
        await pause(random(50));
        await queue.release(id);
      } else if (kind === 16) await queue.move(anyId(), someQueue());
      else if (kind === 17) await queue.update(anyId(), { priority: random(3) - 1 });
      else if (kind === 18) await queue.update(anyId(), { delay: random(100) });
      else if (kind === 19) queue.watch(anyId()).subscribe({ error: () => undefined }).unsubscribe();
      else if (kind === 20) await queue.retry(anyId()).catch(() => undefined);
      else if (kind === 21) await queue.retryMany({ group, state: 'cancelled' });
      else if (kind === 22 && !kills) {
        await queue.suspend(common.queue);
        await pause(random(60));
        await queue.resume(common.queue);
      } else if (kind === 23 && random(3) === 0) {
        await queue.holdMany({ group, queue: common.queue });
        await queue.moveMany({ group, queue: 'two', state: 'held' }, 'one');
        await queue.updateMany({ group, queue: common.queue }, { priority: random(3) - 1 });
      }
    };
    const killer = async () => {
      for (let n = 0; kills && n < 4; n++) {
        await pause(400 + random(600));
        workers[n % 3]!.kill('SIGKILL');
        const next = await begin();
        workers = workers.map((worker, at) => (at === n % 3 ? next : worker));
      }
    };
    const writer = async () => {
      for (let n = 0; n < STEPS; n++) {
        await step();
        await pause(random(8));
      }
    };
    await Promise.all([killer(), ...Array.from({ length: 5 }, writer)]);
    for (const name of ['one', 'two']) {
      await queue.resume(name);
      await queue.releaseMany({ queue: name });
    }
    const left = () => database.query('SELECT state, queue, group_key, slot, due_at, unique_key FROM notify_queue.jobs LIMIT 20');
    const deadline = performance.now() + 30_000;
    let still = await left();
    for (; still.length > 0 && performance.now() < deadline; still = await left()) await pause(50);
    expect(still, `seed ${SEED}`).toEqual([]);
    await until(async () => (await database.query(`SELECT FROM notify_queue.job_groups WHERE running <> 0`)).length === 0, { timeout: 3_000, message: `slots are left, seed ${SEED}` });
    const most = await mostAtOnce(all);
    for (const [group, count] of most) expect(count, `${group}, seed ${SEED}`).toBeLessThanOrEqual(group.includes('again') ? 1 : limit);
    const told = all.flatMap((worker) => worker.events.filter((event) => event.type === 'log:written').map((event) => JSON.stringify(event)));
    expect(told.filter((text) => text.includes('deadlock'))).toEqual([]);
  });
});
