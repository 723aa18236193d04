import { MetadataScanner } from '@nestjs/core';
import fc from 'fast-check';
import { firstValueFrom, isObservable, type Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, onTestFailed, vi } from 'vitest';
import { resolveOptions } from '../../lib/notify-queue.options.js';
import { describe as show } from '../../lib/errors/configuration.errors.js';
import {
  defineJob,
  ExponentialRetry,
  JobHandler,
  LogSuccess,
  Move,
  NotifyQueueError,
  NotifyQueueModule,
  notifyQueueEntities,
  queueEntities,
  Retry,
  SnoozeJobError,
  toBoolean,
  toNumber,
  type Duration,
  type Job,
  type JobDefinition,
  type JobRecord,
} from '../../lib/index.js';
import { ProcessorExplorer } from '../../lib/processor.explorer.js';
import { createNotifyQueueMigrations, notifyQueueMigration } from '../../migrations/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { useTestDatabase } from '../support/database.js';
import { countSentStatements } from '../support/sent-statements.js';
import { handle } from '../support/handlers.js';
import { until } from '../support/wait.js';
import { SEED } from './random.js';
import { asJson, canonical, date, everyOdd, made, name, orThing, plain, text, thing } from './random-values.js';

/** `npm run faults` sets it; `npm test` runs a short form. */
const LONG = Number(process.env['FAULT_MINUTES'] ?? 0) > 0;
const RUNS = LONG ? 1_000 : 30;
/** Of what asks no database. */
const PURE_RUNS = LONG ? 5_000 : 150;
const OPTIONS = { timeout: LONG ? 1_800_000 : 60_000 };

/** Errors that say what the database holds; all others come before anything is sent. */
const FROM_THE_DATABASE = ['JOB_NOT_FOUND', 'JOB_STATE', 'CONFIG_NOT_FOUND', 'CONFIG_EXISTS', 'RESULT_TIMEOUT'];
const UUID = '0190d1f0-0000-7000-8000-000000000000';

/** What a call came to. */
type Outcome<T> = { readonly value: T; readonly refused?: undefined } | { readonly value?: undefined; readonly refused: NotifyQueueError };

describe('faults', OPTIONS, () => {
  const database = useTestDatabase();
  let calls: ReturnType<typeof countSentStatements>;
  /** Only enqueues and asks, so that nothing runs what it enqueues. */
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ url: database.url, queue: { role: 'producer', queues: { steady: { perQueueSuspension: false } } } });
    calls = countSentStatements();
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await app?.close();
  });

  /** Makes a call, which may succeed, or be refused by an error of ours before it sends anything. */
  async function attempt<T>(make: () => T | PromiseLike<T> | Observable<T>): Promise<Outcome<T>> {
    const call = { sent: 0 };
    const before = prototypes();
    let outcome: Outcome<T>;
    try {
      outcome = { value: await calls.run(call, async () => make()).then((it) => (isObservable(it) ? firstValueFrom(it) : it)) as T };
    } catch (error) {
      if (!(error instanceof NotifyQueueError)) throw new Error('It was refused by an error of others', { cause: error });
      expect(error).toMatchObject({ name: error.constructor.name, code: expect.stringMatching(/^[A-Z]+(?:_[A-Z]+)+$/) });
      expect(error.message.length).toBeLessThan(8_000);
      if (!FROM_THE_DATABASE.includes(error.code)) expect([error.code, call.sent]).toEqual([error.code, 0]);
      outcome = { refused: error };
    }
    expectSame(prototypes(), before);
    return outcome;
  }

  const jobsOf = async (): Promise<number> => (await database.query('SELECT count(*)::int AS n FROM notify_queue.all_jobs'))[0].n;
  const jobOf = async (id: string): Promise<JobRecord> => (await app.queue.get(id)) as JobRecord;

  it('16: JobQueue.enqueue of any payload', () =>
    expectAlways([thing], async (payload) => {
      const jobs = await jobsOf();
      const { value, refused } = await attempt(() => app.queue.enqueue('any.payload', payload));
      if (refused) expect([refused.code, await jobsOf()]).toEqual([expect.stringMatching(/^(?:UNSTORABLE_VALUE|VALUE_TOO_LARGE)$/), jobs]);
      else expect(canonical((await jobOf(value.id)).payload)).toBe(canonical(asJson(payload)));
    }, { numRuns: RUNS * 2, examples: everyOdd.map((it) => [it]) }));

  const mode = fc.oneof(
    fc.record({ times: fc.integer({ min: 1, max: 1_000 }), delay: fc.constantFrom<Duration>(0, 5e-324, '5m') }).map((options) => Retry(options)),
    fc.record({ times: fc.constant(3), base: fc.double({ min: 1, max: 1_000, noNaN: true }) }).map((options) => ExponentialRetry(options)),
    name.map((queue) => Move({ queue })),
  );
  const enqueueOptions = {
    queue: orThing(name),
    priority: orThing(fc.integer({ min: -32_768, max: 32_767 })),
    delay: orThing(fc.oneof(fc.double({ min: 0, max: 3e11, noNaN: true }), fc.constantFrom('5m', '1.5h', 5e-324, 1e-9))),
    maxJobTime: orThing(fc.integer({ min: 1, max: 10_000 })),
    failureMode: orThing(mode),
    successMode: orThing(fc.constant(LogSuccess())),
  };
  const somewhere = fc.oneof(thing, text.map((key) => ({ [key]: 1 })));

  it('16: JobQueue.enqueue with any options', () =>
    expectAlways(
      [fc.oneof({ weight: 9, arbitrary: fc.record({ ...enqueueOptions, id: orThing(fc.uuid()), runAt: orThing(date) }, { requiredKeys: [] }) }, { weight: 1, arbitrary: somewhere })],
      async (options) => {
        const jobs = await jobsOf();
        const { value, refused } = await attempt(() => app.queue.enqueue('any.options', 1, options as object));
        if (refused) return expect(await jobsOf()).toBe(jobs);
        const given = (options ?? {}) as Record<string, any>;
        const job = await jobOf(value.id);
        expect(job).toMatchObject({ name: 'any.options', queue: given['queue'] ?? 'default', priority: (given['priority'] ?? 0) + 0, payload: 1 });
        if (given['id'] !== undefined) expect(job.id).toBe(given['id'].toLowerCase());
        if (given['runAt']) expect(job.runAt).toEqual(given['runAt']);
        else if (typeof given['delay'] === 'number') {
          const afterMs = job.runAt.getTime() - job.enqueuedAt.getTime();
          expect(Math.abs(afterMs - given['delay'])).toBeLessThan(2);
        }
        const [row] = await database.query('SELECT options FROM notify_queue.jobs WHERE id = $1', [job.id]);
        expect(row.options?.failureMode).toEqual(given['failureMode'] && asJson(modeOf(given['failureMode'])));
      },
      { numRuns: RUNS * 2 },
    ));

  it('16: JobQueue.enqueue of any job, also of a definition that was made by hand', () =>
    expectAlways([fc.oneof(name, text, thing, fc.record({ name, options: fc.oneof(fc.record(enqueueOptions, { requiredKeys: [] }), thing) }))], async (job) => {
      const jobs = await jobsOf();
      const { value, refused } = await attempt(() => app.queue.enqueue(job as string, null));
      if (refused) return expect(await jobsOf()).toBe(jobs);
      const { name: called, options = {} } = typeof job === 'string' ? { name: job } : (job as JobDefinition);
      const { queue = 'default', priority = 0 } = options;
      expect(await jobOf(value.id)).toMatchObject({ name: called, queue, priority: priority + 0 });
    }, { numRuns: RUNS * 2 }));

  it('16: JobQueue.enqueueMany of any payloads: all or none', () =>
    expectAlways([fc.oneof(fc.array(plain, { maxLength: 8 }), fc.array(thing, { maxLength: 8 }), thing)], async (payloads) => {
      const jobs = await jobsOf();
      const { value, refused } = await attempt(() => app.queue.enqueueMany('any.bulk', payloads as unknown[]));
      if (refused) return expect(await jobsOf()).toBe(jobs);
      const stored = await Promise.all(value.map(({ id }) => jobOf(id)));
      expect(canonical(stored.map((job) => job.payload))).toBe(canonical(Array.from(payloads as unknown[], asJson)));
    }));

  it('16: JobQueue.find and iterate: a job is found by whatever is in it', async () => {
    await database.query('TRUNCATE notify_queue.jobs');
    await expectAlways([name, plain, thing], async (queue, payload, options) => {
      const { value } = await attempt(() => app.queue.enqueue('any.find', payload, { queue }));
      if (!value) return;
      const found = await app.queue.find({ queue, payload }, { order: 'newest', limit: 1_000 });
      expect(found.jobs.map((job) => job.id)).toContain(value.id);
      await attempt(() => app.queue.find({ queue }, options as object));
      await attempt(() => app.queue.iterate({ queue }, options as object).next());
    });
  });

  it('16: JobQueue.find with any criteria and any page', () => {
    const state = fc.constantFrom('scheduled', 'available', 'completed');
    const criteria = { queue: orThing(name), name: orThing(name), state: orThing(fc.array(state)), payload: thing, enqueuedAfter: orThing(date), enqueuedBefore: orThing(date) };
    const page = { limit: orThing(fc.integer({ min: 1, max: 1_000 })), order: orThing(fc.constant('newest')), cursor: orThing(fc.uuid()), predicate: orThing(fc.constant(() => true)) };
    const some = (model: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> => orThing(fc.record(model, { requiredKeys: [] }));
    return expectAlways([some(criteria), some(page)], async (by, pageBy) => {
      await attempt(() => app.queue.find(by as object, pageBy as object));
      await attempt(() => app.queue.iterate(by as object, pageBy as object).next());
    });
  });

  it('16: JobQueue.get, cancel, move, retry, result, watch of any id', () =>
    expectAlways([fc.oneof(thing, fc.uuid(), fc.record({ id: orThing(fc.uuid()) })), fc.oneof(name, thing), thing], async (id, queue, options) => {
      const unknown = id as string;
      expect((await attempt(() => app.queue.get(unknown))).value).toBeUndefined();
      expect([undefined, 'not_found']).toContain((await attempt(() => app.queue.cancel(unknown))).value);
      expect([undefined, 'not_found']).toContain((await attempt(() => app.queue.move(unknown, queue as string))).value);
      expect((await attempt(() => app.queue.retry(unknown))).refused).toBeDefined();
      expect((await attempt(() => app.queue.result(unknown))).refused).toBeDefined();
      expect((await attempt(() => app.queue.watch(unknown))).refused).toBeDefined();
      await attempt(() => app.queue.cancel(UUID, options as object));
      await attempt(() => app.queue.result(UUID, options as object));
    }));

  it('16: JobQueue.move to any queue', async () => {
    const { id } = await app.queue.enqueue('any.move', 1, { delay: '1h' });
    await expectAlways([fc.oneof(name, text, thing)], async (queue) => {
      const before = await jobOf(id);
      const { refused } = await attempt(() => app.queue.move(id, queue as string));
      expect(await jobOf(id)).toMatchObject({ queue: refused ? before.queue : queue, state: 'scheduled' });
    });
  });

  it('16: JobQueue.status, suspend and resume of any queue', () =>
    expectAlways([fc.oneof(name, text, thing)], async (given) => {
      const queue = given as string;
      const status = await attempt(() => app.queue.status(queue));
      const suspended = await attempt(() => app.queue.suspend(queue));
      if (suspended.refused) return expect((await attempt(() => app.queue.resume(queue))).refused).toMatchObject({ code: suspended.refused.code });
      expect(status.refused).toBeUndefined();
      if (queue === undefined) return void (await app.queue.resume());
      expect(await app.queue.status(queue)).toMatchObject({ queue, suspended: true });
      await app.queue.resume(queue);
      expect(await app.queue.status(queue)).toMatchObject({ queue, suspended: false });
    }));

  it('16: JobConfigs with any key and value', () =>
    expectAlways([orThing(fc.oneof(name, text)), orThing(fc.oneof(text, name))], async (anyKey, anyValue) => {
      const [key, value] = [anyKey as string, anyValue as string];
      const { configs } = app;
      const rows = await database.query('SELECT key, value FROM notify_queue.job_configs ORDER BY key');
      const set = await attempt(() => configs.set(key, value));
      if (set.refused) {
        for (const call of [() => configs.create(key, value), () => configs.update(key, value)]) expect((await attempt(call)).refused).toBeDefined();
        const got = await attempt(() => configs.get(key));
        if (got.refused) expect((await attempt(() => configs.delete(key))).refused).toMatchObject({ code: got.refused.code });
        return expect(await database.query('SELECT key, value FROM notify_queue.job_configs ORDER BY key')).toEqual(rows);
      }
      expect((await configs.get(key)).value).toBe(value);
      expect((await firstValueFrom(configs.config$)).get(key)).toBe(value);
      expect(await firstValueFrom(configs.watch(key, { parse: String, default: '' }))).toBe(value);
      expect((await configs.list()).find((row) => row.key === key)).toMatchObject({ value });
      expect((await attempt(() => configs.create(key, 'other'))).refused).toMatchObject({ code: 'CONFIG_EXISTS' });
      await configs.delete(await configs.update(set.value, `${value}!`));
      expect((await attempt(() => configs.update(key, value))).refused).toMatchObject({ code: 'CONFIG_NOT_FOUND' });
      await configs.create(key, value);
      await configs.delete(key);
    }));

  it('16: JobConfigs with any options, and any row', () =>
    expectAlways([thing, name], async (any, key) => {
      const options = any as object;
      const { configs } = app;
      await attempt(() => configs.list(options));
      await attempt(() => configs.get('none', options));
      await attempt(() => configs.create(key, 'x', options));
      await attempt(() => configs.set(key, 'x', options));
      await attempt(() => configs.update(key, 'x', options));
      await attempt(() => configs.delete(key, options));
      await attempt(() => configs.watch(key, options as never));
      await attempt(() => configs.watch(key, { parse: any, default: [any] } as never));
      await attempt(() => configs.update(any as string, 'x'));
      await attempt(() => configs.delete(any as string));
    }));

  it('16: a parser of JobConfigs.watch may throw anything', async () => {
    await app.configs.set('odd', 'text');
    await expectAlways([thing], async (thrown) => {
      const parse = (): never => {
        throw thrown;
      };
      expect((await attempt(() => app.configs.watch('odd', { parse, default: 5 }))).value).toBe(5);
    });
  });

  it('16: definitions, handlers, modes and module options of anything', async () => {
    const keys = fc.constantFrom('times', 'delay', 'decide', 'finally', 'base', 'jitter', 'maxDelay', 'queue', 'lease', 'queues', 'defaults', 'listen', 'retention', 'failureMode');
    const options = fc.oneof(thing, fc.dictionary(keys, thing), fc.record({ times: fc.constant(1), finally: thing }));
    await expectAlways([options, fc.oneof(name, thing)], async (any, called) => {
      const defined = await attempt(() => defineJob(called as string, any as object));
      if (defined.value) expect(defined.value).toEqual({ name: called, options: { ...(any as object) } });
      await attempt(() => Retry(any as never));
      await attempt(() => ExponentialRetry(any as never));
      await attempt(() => Move(any as never));
      await attempt(() => resolveOptions(any as object));
      await attempt(() => resolveOptions({ queues: { mail: any as object }, defaults: any as object }));
      await attempt(() => resolveOptions({}, called));
      await attempt(() => handlersOf(called, any));
      await attempt(() => handlersOf({ name: 'x', options: any }, {}));
      await attempt(() => queueEntities(called as string));
      await attempt(() => notifyQueueEntities(called as string));
      await attempt(() => NotifyQueueModule.forRoot({ schema: called as string }));
      await attempt(() => createNotifyQueueMigrations(called as string));
      await attempt(() => notifyQueueMigration(any as number, called as string));
      await attempt(() => new SnoozeJobError(any as number));
      await attempt(() => toNumber(any as string));
      await attempt(() => toBoolean(any as string));
    }, { numRuns: PURE_RUNS });
  });
});

describe('faults', OPTIONS, () => {
  const database = useTestDatabase();
  const given = new Map<string, unknown>();
  /** What the second failure of a job was told. */
  const told = new Map<string, unknown>();
  let worker: TestApp;
  beforeAll(async () => {
    class Deciding {
      handleFailure({ jobId, retries, state }: { jobId: string; retries: number; state: unknown }): never {
        if (retries === 0) return given.get(jobId) as never;
        told.set(jobId, state);
        return 'abandon' as never;
      }
    }
    /** The job is enqueued before anybody knows its id. */
    const known = (job: Job): Promise<boolean> => until(() => given.has(job.id));
    const fails = async (job: Job): Promise<never> => {
      await known(job);
      throw new Error('to be decided');
    };
    worker = await startApp({
      url: database.url,
      queue: { queues: { hands: { concurrency: 5 } }, maxPayloadSize: 100_000 },
      providers: [
        Deciding,
        handle({ returns: async (job) => (await known(job), { it: given.get(job.id) }) }, { queue: 'hands' }),
        handle({ progresses: async (job) => (await known(job), progress(job, given.get(job.id))) }, { queue: 'hands' }),
        handle({ throws: async (job) => { await known(job); throw given.get(job.id); } }, { queue: 'hands' }),
        handle({ decides: fails }, { queue: 'hands', failureMode: Deciding }),
      ],
    });
  });
  afterAll(() => worker?.close());

  function progress(job: Job, value: unknown): string {
    try {
      job.progress(value);
      return 'OK';
    } catch (error) {
      return error instanceof NotifyQueueError ? error.code : 'another error';
    }
  }

  async function settled(handler: string, value: unknown, states: readonly string[]): Promise<JobRecord> {
    const before = prototypes();
    const { id } = await worker.queue.enqueue(handler, null, { queue: 'hands' });
    given.set(id, value);
    const job = await until(async () => {
      const found = await worker.queue.get(id);
      return found && states.includes(found.state) && found;
    }, { message: () => `${handler} of ${show(value)} did not end` });
    given.delete(id);
    expectSame(prototypes(), before);
    return job;
  }

  it('16: a handler returns anything', () =>
    expectAlways([thing], async (value) => {
      const job = await settled('returns', value, ['completed', 'abandoned']);
      if (job.state === 'completed') return expect(canonical(job.result)).toBe(canonical(asJson({ it: value })));
      expect(job.failure).toMatchObject({ code: expect.stringMatching(/^(?:UNSTORABLE_VALUE|VALUE_TOO_LARGE)$/), message: expect.stringMatching(/^result/) });
    }));

  it('16: a handler throws anything', () =>
    expectAlways([thing, fc.nat(2)], async (value, how) => {
      const thrown = [value, new Error('outer', { cause: value }), Object.assign(new Error('outer'), { code: value })][how];
      const { failure } = await settled('throws', thrown, ['abandoned']);
      expect(failure).toMatchObject({ name: expect.stringMatching(/./), message: expect.any(String) });
      expect(JSON.stringify(failure).length).toBeLessThan(300_000);
    }));

  it('16: Job.progress of anything', () =>
    expectAlways([thing], async (value) => {
      const job = await settled('progresses', value, ['completed']);
      if (job.result === 'OK') expect(canonical(job.progress)).toBe(canonical(asJson(value)));
      else expect([job.result, job.progress]).toEqual([expect.stringMatching(/^(?:UNSTORABLE_VALUE|VALUE_TOO_LARGE)$/), null]);
    }));

  it('16: a failure mode answers anything, with any state', () => {
    const decision = fc.oneof(
      thing,
      thing.map((state) => ({ retryIn: 0, state })),
      thing.map((retryIn) => ({ retryIn })),
      thing.map((moveTo) => ({ moveTo })),
      name.map((moveTo) => ({ moveTo })),
    );
    return expectAlways([decision], async (answer) => {
      const keeps = answer as { retryIn?: unknown; state?: unknown };
      const waits = isRetryAtOnce(answer) ? ['abandoned'] : ['abandoned', 'scheduled', 'available'];
      const job = await settled('decides', answer, waits);
      expect(job.failure).toMatchObject({ message: 'to be decided' });
      if (told.has(job.id)) expect(canonical([told.get(job.id)])).toBe(canonical([keeps.state === undefined ? null : asJson(keeps.state)]));
      if (job.state !== 'abandoned') await worker.queue.cancel(job.id);
    });
  });
});

async function expectAlways<Ts extends [unknown, ...unknown[]]>(
  arbitraries: { [K in keyof Ts]: fc.Arbitrary<Ts[K]> },
  holds: (...values: Ts) => Promise<void>,
  { numRuns = RUNS, examples = [] as Ts[] } = {},
): Promise<void> {
  onTestFailed(() => console.error(`seed ${SEED}`));
  const property = fc.asyncProperty(...arbitraries, async (...values) => {
    await holds(...(values.map(made) as Ts));
  });
  await fc.assert(property, { seed: SEED, numRuns: numRuns + examples.length, examples, endOnFailure: true });
}

function isRetryAtOnce(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && Object.keys(answer).join() === 'retryIn,state';
}

/** A mode as it is stored: a class by its name. */
function modeOf(value: unknown): unknown {
  return typeof value === 'function' ? { mode: 'custom', className: value.name } : value;
}

/** What a process with this one handler would serve. */
function handlersOf(job: unknown, options: unknown): unknown {
  class Handlers {
    run(): void {}
  }
  (JobHandler(job as string, options as object) as MethodDecorator)(Handlers.prototype, 'run', Object.getOwnPropertyDescriptor(Handlers.prototype, 'run')!);
  const wrapper = { metatype: Handlers, instance: new Handlers(), isDependencyTreeStatic: () => true, isTransient: false };
  const discovery = { getProviders: () => [wrapper], getControllers: () => [] };
  return new ProcessorExplorer(discovery as never, new MetadataScanner(), { of: () => () => undefined } as never).findHandlers('default');
}

/** What everything inherits. */
function prototypes(): unknown[] {
  return [Object, Array, Function].flatMap(({ prototype }) =>
    Reflect.ownKeys(prototype).flatMap((key) => [key, Object.getOwnPropertyDescriptor(prototype, key)?.value]),
  );
}

function expectSame(now: readonly unknown[], before: readonly unknown[]): void {
  expect(now.length === before.length && now.every((it, index) => it === before[index])).toBe(true);
}
