import { describe, expect, it } from 'vitest';
import {
  Abandon,
  ExponentialRetry,
  InvalidOptionError,
  JobHandler,
  Move,
  Retry,
  defineJob,
  type JobHandlerOptions,
} from '../../../lib/index.js';
import { bootError } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';

type Case = [options: object, option: string, expected: RegExp];

/** Options of the module that stop the boot, with the option that the error names and what it says. */
const MODULE: Record<string, Case> = {
  'an unknown key': [{ sweepIntervall: '5s' }, 'sweepIntervall', /is '5s'; expected one of the keys .*sweepInterval/],
  'a sweep interval that is a word': [{ sweepInterval: 'often' }, 'sweepInterval', /is 'often'; expected a duration/],
  'a sweep interval of nothing': [{ sweepInterval: 0 }, 'sweepInterval', /at least 10 ms/],
  'a lease too short': [{ lease: 100 }, 'lease', /is 100; .*at least 500 ms/],
  'a negative grace': [{ shutdownGrace: -1 }, 'shutdownGrace', /is -1/],
  'a role nobody has': [{ role: 'boss' }, 'role', /'all' or 'producer' or 'worker'/],
  'migrations that are a boolean': [{ migrations: true }, 'migrations', /is true; expected 'run' or 'check' or 'none'/],
  'a payload size of zero': [{ maxPayloadSize: 0 }, 'maxPayloadSize', /an integer from 1/],
  'a payload size that PostgreSQL could not read': [{ maxPayloadSize: 16_777_217 }, 'maxPayloadSize', /an integer from 1 to 16777216/],
  'crashes that are half': [{ maxCrashes: 1.5 }, 'maxCrashes', /integer/],
  'a boolean as text': [{ allowUnknownQueues: 'yes' }, 'allowUnknownQueues', /true or false/],
  'a resolver that is none': [{ resolveManager: {} }, 'resolveManager', /a function/],
  'a listen that is text': [{ listen: 'no' }, 'listen', /an object/],
  'an unknown key of listen': [{ listen: { uri: 'x' } }, 'listen.uri', /one of the keys url/],
  'a listen url that is none': [{ listen: { url: 'mysql://x' } }, 'listen.url', /postgres:\/\//],
  'a retention that is text': [{ retention: '7d' }, 'retention', /an object/],
  'an unknown key of retention': [{ retention: { failed: '1d' } }, 'retention.failed', /completed, abandoned/],
  'a retention that is a word': [{ retention: { completed: 'long' } }, 'retention.completed', /'none' or 'forever'/],
  'queues that are a list': [{ queues: ['mail'] }, 'queues', /an object of queue options by queue name/],
  'a blank queue': [{ queues: { ' ': {} } }, 'queues', /is ' '; expected as queue name/],
  'a queue that is a number': [{ queues: { mail: 5 } }, 'queues.mail', /is 5; expected an object/],
  'an unknown key of a queue': [{ queues: { mail: { concurency: 5 } } }, 'queues.mail.concurency', /concurrency/],
  'a concurrency of zero': [{ queues: { mail: { concurrency: 0 } } }, 'queues.mail.concurrency', /is 0; expected an integer from 1/],
  'a bad retention of a queue': [{ queues: { mail: { retention: { completed: -1 } } } }, 'queues.mail.retention.completed', /is -1/],
  'a bad retry delay': [{ queues: { mail: { retryDelay: 'x' } } }, 'queues.mail.retryDelay', /duration/],
  'a bad suspension flag': [{ queues: { mail: { perQueueSuspension: 1 } } }, 'queues.mail.perQueueSuspension', /true or false/],
  'an unknown key of the defaults': [{ defaults: { concurrent: 5 } }, 'defaults.concurrent', /concurrency/],
  'defaults that are text': [{ defaults: 'fast' }, 'defaults', /an object/],
  'a failure mode that is text': [{ defaults: { failureMode: 'retry' } }, 'defaults.failureMode', /Retry\(\{ times \}\)/],
  'a failure mode made by hand': [{ defaults: { failureMode: { mode: 'retry', times: 1 } } }, 'defaults.failureMode', /Abandon\(\)/],
  'a failure mode that nobody knows': [
    { defaults: { failureMode: Object.freeze({ mode: 'panic' }) } },
    'defaults.failureMode',
    /Abandon\(\)/,
  ],
  'a success mode that is a failure mode': [{ defaults: { successMode: Abandon() } }, 'defaults.successMode', /LogSuccess\(\)/],
  'a Move to the own queue': [
    { queues: { mail: { failureMode: Retry({ times: 1, finally: Move({ queue: 'mail' }) }) } } },
    'queues.mail.failureMode',
    /a Move to another queue than its own/,
  ],
  'a schema that is none': [{ schema: 'pg_queue' }, 'schema', /not starting with 'pg_'/],
  'a schema of 64 bytes': [{ schema: 'x'.repeat(64) }, 'schema', /63 bytes/],
  'a schema that is a number': [{ schema: 5 }, 'schema', /PostgreSQL schema name/],
};

/** Options of handlers that stop the boot. */
const HANDLER: Record<string, Case> = {
  'an unknown key': [{ concurrency: 5 }, '@JobHandler(job) on Handlers.job.concurrency', /one of the keys queue/],
  'a blank queue': [{ queue: '' }, '@JobHandler(job) on Handlers.job.queue', /non-blank/],
  'a maxJobTime that is a word': [{ maxJobTime: 'short' }, '@JobHandler(job) on Handlers.job.maxJobTime', /duration/],
  'a Move to the own queue': [{ queue: 'mail', failureMode: Move({ queue: 'mail' }) }, 'Handlers.job.failureMode', /another queue than 'mail'/],
};

describe('options that stop the boot', () => {
  const database = useTestDatabase();

  async function expectRefused(boot: Promise<Error>, option: string, expected: RegExp): Promise<void> {
    const error = await boot;
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ name: 'InvalidOptionError', code: 'INVALID_OPTION', option });
    expect(error.message).toContain(`Option '${option}' is `);
    expect(error.message).toMatch(expected);
  }

  it.for(Object.keys(MODULE))('of the module: %s', async (title) => {
    const [queue, option, expected] = MODULE[title]!;
    await expectRefused(bootError(database, { queue }), option, expected);
  });

  it.for(Object.keys(HANDLER))('of a handler: %s', async (title) => {
    const [options, option, expected] = HANDLER[title]!;
    await expectRefused(bootError(database, { providers: [handle({ job: () => null }, options as JobHandlerOptions)] }), option, expected);
  });

  it('of a definition that moves to its own queue', async () => {
    const Circle = defineJob('circle', { queue: 'mail', failureMode: Retry({ times: 1, finally: Move({ queue: 'mail' }) }) });
    class Handlers {
      @JobHandler(Circle)
      run() {}
    }
    await expectRefused(bootError(database, { providers: [Handlers] }), 'Handlers.run.failureMode', /another queue than 'mail'/);
  });

  it('of a definition made by hand: an unknown key', async () => {
    const byHand = { name: 'by-hand', options: { retries: 5 } };
    class Handlers {
      @JobHandler(byHand as never)
      run() {}
    }
    await expectRefused(bootError(database, { providers: [Handlers] }), 'definition of by-hand.retries', /one of the keys queue/);
  });
});

describe('failure modes with bad options', () => {
  const MODES: Record<string, [make: () => unknown, text: RegExp]> = {
    'Retry without times': [() => Retry({} as never), /^Option 'Retry\.times' is undefined; expected an integer from 1 to 1000/],
    'Retry without anything': [() => Retry(undefined as never), /^Option 'Retry' is undefined; expected an object with times, delay/],
    'Retry of zero times': [() => Retry({ times: 0 }), /'Retry\.times' is 0/],
    'Retry of 1.5 times': [() => Retry({ times: 1.5 }), /'Retry\.times' is 1\.5/],
    'Retry of a text of times': [() => Retry({ times: '3' as never }), /'Retry\.times' is '3'/],
    'Retry with a misspelt key': [() => Retry({ times: 1, retries: 3 } as never), /^Option 'Retry\.retries' is 3; expected one of the keys/],
    'Retry with a bad delay': [() => Retry({ times: 1, delay: 'later' as never }), /'Retry\.delay' is 'later'; expected a duration/],
    'Retry with a decide that is none': [() => Retry({ times: 1, decide: 'halt' as never }), /'Retry\.decide' is 'halt'; expected a function/],
    'Retry with a finally that is none': [() => Retry({ times: 1, finally: 'abandon' as never }), /'Retry\.finally' is 'abandon'/],
    'ExponentialRetry with base zero': [() => ExponentialRetry({ times: 1, base: 0 }), /'ExponentialRetry\.base' is 0/],
    'ExponentialRetry with base NaN': [() => ExponentialRetry({ times: 1, base: Number.NaN }), /is NaN/],
    'ExponentialRetry with jitter of 0.5': [() => ExponentialRetry({ times: 1, jitter: 0.5 as never }), /jitter' is 0\.5; expected true or false/],
    'ExponentialRetry with a bad maxDelay': [() => ExponentialRetry({ times: 1, maxDelay: -1 }), /maxDelay' is -1/],
    'ExponentialRetry with a delay': [() => ExponentialRetry({ times: 1, delay: 5 } as never), /'ExponentialRetry\.delay' is 5/],
    'Retry with a finally made by hand': [() => Retry({ times: 1, finally: Object.freeze({ mode: 'move', queue: '' }) as never }), /'Move\.queue' is ''/],
    'Retry with a finally of itself': [
      () => Retry({ times: 1, finally: Object.freeze(Object.assign(Object.create({ get finally() { return this; } }), { mode: 'retry' })) }),
      /'Retry\.finally' .*a chain of at most 20 failure modes/,
    ],
    'Move to nowhere': [() => Move({} as never), /^Option 'Move\.queue' is undefined; expected a non-blank string/],
    'Move to a blank queue': [() => Move({ queue: ' ' }), /'Move\.queue' is ' '/],
    'Move with an unknown key': [() => Move({ queue: 'x', delay: 1 } as never), /'Move\.delay'/],
  };

  it.for(Object.keys(MODES))('%s', (title) => {
    const [make, text] = MODES[title]!;
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(text);
  });

});
