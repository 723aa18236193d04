import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Abandon, defineJob, ExponentialRetry, Move, NotifyQueueError, Retry, SnoozeJobError, type FailureMode, type Job } from '../../../lib/index.js';
import { resolveOptions } from '../../../lib/notify-queue.options.js';
import { startApp, type TestApp } from '../../support/app.js';
import { useTestDatabase } from '../../support/database.js';
import { countSentStatements } from '../../support/sent-statements.js';
import { handle } from '../../support/handlers.js';
import { until } from '../../support/wait.js';

const ID = '0190d1f0-0000-7000-8000-000000000000';
const PAYLOAD = 10_000;
const CONFIG_VALUE = 1_048_576;
const TEN_YEARS = 315_576_000_000;
const text = (bytes: number): string => 'x'.repeat(bytes - 2);
const nested = (levels: number): unknown => Array.from({ length: levels }).reduce<unknown>((inner) => [inner], 1);
const chain = (modes: number): FailureMode =>
  Array.from({ length: modes - 1 }).reduce<FailureMode>((next) => Retry({ times: 1, finally: next }), Abandon());
/** A call with a limit, at the limit and above. */
type Case = [limit: number, above: number, call: (app: TestApp, size: number) => unknown, code: string];

const CALLS: Record<string, Case> = {
  'bytes of a payload': [PAYLOAD, PAYLOAD + 1, ({ queue }, n) => queue.enqueue('job', text(n)), 'VALUE_TOO_LARGE'],
  'levels of a payload': [64, 65, ({ queue }, n) => queue.enqueue('job', nested(n)), 'UNSTORABLE_VALUE'],
  'bytes of a payload of a bulk': [PAYLOAD, PAYLOAD + 1, ({ queue }, n) => queue.enqueueMany('job', [1, text(n)]), 'VALUE_TOO_LARGE'],
  'jobs of a bulk': [10_000, 10_001, ({ queue }, n) => queue.enqueueMany('job', Array(n).fill(null)), 'VALUE_TOO_LARGE'],
  'bytes of a job name': [200, 201, ({ queue }, n) => queue.enqueue('j'.repeat(n), null), 'INVALID_ARGUMENT'],
  'bytes of a queue name': [200, 201, ({ queue }, n) => queue.enqueue('job', null, { queue: 'q'.repeat(n) }), 'INVALID_OPTION'],
  'milliseconds of a delay': [TEN_YEARS, TEN_YEARS + 1, ({ queue }, n) => queue.enqueue('job', null, { delay: n }), 'INVALID_OPTION'],
  'milliseconds until runAt': [TEN_YEARS - 5_000, TEN_YEARS + 5_000, ({ queue }, n) => queue.enqueue('job', null, { runAt: new Date(Date.now() + n) }), 'INVALID_OPTION'],
  'milliseconds since runAt': [TEN_YEARS - 5_000, TEN_YEARS + 5_000, ({ queue }, n) => queue.enqueue('job', null, { runAt: new Date(Date.now() - n) }), 'INVALID_OPTION'],
  'the priority': [32_767, 32_768, ({ queue }, n) => queue.enqueue('job', null, { priority: n }), 'INVALID_OPTION'],
  'the priority, below zero': [-32_768, -32_769, ({ queue }, n) => queue.enqueue('job', null, { priority: n }), 'INVALID_OPTION'],
  'milliseconds of maxJobTime': [TEN_YEARS, TEN_YEARS + 1, ({ queue }, n) => queue.enqueue('job', null, { maxJobTime: n }), 'INVALID_OPTION'],
  'modes of a chain': [20, 21, ({ queue }, n) => queue.enqueue('job', null, { failureMode: chain(n) }), 'INVALID_OPTION'],
  'jobs of a page': [1_000, 1_001, ({ queue }, n) => queue.find({}, { limit: n }), 'INVALID_OPTION'],
  'jobs of a page of iterate': [1_000, 1_001, ({ queue }, n) => queue.iterate({}, { limit: n }).next(), 'INVALID_OPTION'],
  'bytes of a payload to look for': [PAYLOAD, PAYLOAD + 1, ({ queue }, n) => queue.find({ payload: text(n) }), 'VALUE_TOO_LARGE'],
  'levels of a payload to look for': [64, 65, ({ queue }, n) => queue.find({ payload: nested(n) }), 'UNSTORABLE_VALUE'],
  'the last date to look for': [253_402_300_799_999, 253_402_300_800_000, ({ queue }, n) => queue.find({ enqueuedBefore: new Date(n) }), 'INVALID_OPTION'],
  'the first date to look for': [-62_135_596_800_000, -62_135_596_800_001, ({ queue }, n) => queue.find({ enqueuedAfter: new Date(n) }), 'INVALID_OPTION'],
  'bytes of a queue to move to': [200, 201, ({ queue }, n) => queue.move(ID, 'q'.repeat(n)), 'INVALID_ARGUMENT'],
  'bytes of a queue to count': [200, 201, ({ queue }, n) => queue.status('q'.repeat(n)), 'INVALID_ARGUMENT'],
  'bytes of a queue to suspend': [190, 191, ({ queue }, n) => queue.suspend('q'.repeat(n)), 'INVALID_ARGUMENT'],
  'bytes of a queue to resume': [190, 191, ({ queue }, n) => queue.resume('q'.repeat(n)), 'INVALID_ARGUMENT'],
  'bytes of a config key': [200, 201, ({ configs }, n) => configs.set('k'.repeat(n), 'x'), 'INVALID_CONFIG_VALUE'],
  'bytes of a config value that is set': [CONFIG_VALUE, CONFIG_VALUE + 1, ({ configs }, n) => configs.set('set', 'x'.repeat(n)), 'VALUE_TOO_LARGE'],
  'bytes of a config value that is created': [CONFIG_VALUE, CONFIG_VALUE + 1, ({ configs }, n) => configs.create('created', 'x'.repeat(n)), 'VALUE_TOO_LARGE'],
  'bytes of a config value that is updated': [CONFIG_VALUE, CONFIG_VALUE + 1, ({ configs }, n) => configs.update('there', 'x'.repeat(n)), 'VALUE_TOO_LARGE'],
};

/** What is made without a database. */
const MADE: Record<string, [limit: number, above: number, make: (size: number) => unknown]> = {
  'bytes of the name of a definition': [200, 201, (n) => defineJob('j'.repeat(n))],
  'milliseconds of the delay of a definition': [TEN_YEARS, TEN_YEARS + 1, (n) => defineJob('job', { delay: n })],
  'retries': [1_000, 1_001, (n) => Retry({ times: n })],
  'retries that grow': [1_000, 1_001, (n) => ExponentialRetry({ times: n })],
  'the base of retries that grow': [1_000, 1_001, (n) => ExponentialRetry({ times: 1, base: n })],
  'modes that follow one': [20, 21, (n) => Retry({ times: 1, finally: chain(n) })],
  'bytes of a queue to move to': [200, 201, (n) => Move({ queue: 'q'.repeat(n) })],
  'milliseconds of a snooze': [TEN_YEARS, TEN_YEARS + 1, (n) => new SnoozeJobError(n)],
  'maxPayloadSize': [16_777_216, 16_777_217, (n) => resolveOptions({ maxPayloadSize: n })],
  'maxCrashes': [1_000, 1_001, (n) => resolveOptions({ maxCrashes: n })],
  'concurrency': [10_000, 10_001, (n) => resolveOptions({ queues: { mail: { concurrency: n } } })],
  'the lease': [3_600_000, 3_600_001, (n) => resolveOptions({ lease: n })],
  'sweepInterval': [3_600_000, 3_600_001, (n) => resolveOptions({ sweepInterval: n })],
  'shutdownGrace': [86_400_000, 86_400_001, (n) => resolveOptions({ shutdownGrace: n })],
  'retention': [TEN_YEARS, TEN_YEARS + 1, (n) => resolveOptions({ retention: { completed: n } })],
  'bytes of a schema': [63, 64, (n) => resolveOptions({}, 's'.repeat(n))],
};

describe('limits', () => {
  const database = useTestDatabase();
  let calls: ReturnType<typeof countSentStatements>;
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ url: database.url, queue: { role: 'producer', maxPayloadSize: PAYLOAD } });
    await app.configs.set('there', 'x');
    calls = countSentStatements();
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await app?.close();
  });

  it.for(Object.entries(CALLS))('of calls: %s', async ([, [limit, above, call, code]]) => {
    const counted = { sent: 0 };
    await calls.run(counted, async () => call(app, limit));
    expect(counted.sent).toBeGreaterThan(0);

    counted.sent = 0;
    const error: unknown = await calls.run(counted, async () => call(app, above)).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(NotifyQueueError);
    expect(error).toMatchObject({ code });
    expect(counted.sent).toBe(0);
  });

  it.for(Object.entries(MADE))('of what is made: %s', ([, [limit, above, make]]) => {
    expect(make(limit)).toBeDefined();
    expect(() => make(above)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });

  describe('in handlers', () => {
    let worker: TestApp;
    let asked: unknown[];
    beforeEach(() => (asked = []));
    beforeAll(async () => {
      class Keeping {
        handleFailure({ retries, state, payload }: { retries: number; state: unknown; payload: unknown }) {
          if (retries > 0) asked.push((state as string).length + 2);
          return retries > 0 ? 'abandon' : { retryIn: 0, state: text(payload as number) };
        }
      }
      const providers = [
        Keeping,
        handle({
          result: ({ payload }: Job<number>) => text(payload),
          'result.levels': ({ payload }: Job<number>) => nested(payload),
          progress: (job: Job<number>) => job.progress(text(job.payload)),
          message: ({ payload }: Job<number>) => Promise.reject(new Error('m'.repeat(payload))),
          snooze: ({ payload }: Job<number>) => {
            throw new SnoozeJobError(payload);
          },
        }),
        handle({ state: () => Promise.reject(new Error('again')) }, { failureMode: Keeping }),
      ];
      worker = await startApp({ url: database.url, providers, queue: { maxPayloadSize: PAYLOAD } });
    });
    afterAll(() => worker?.close());

    const ended = async (name: string, size: number) => {
      const { id } = await worker.queue.enqueue(name, size);
      return until(async () => {
        const job = await worker.queue.get(id);
        return job && ['completed', 'abandoned', 'scheduled'].includes(job.state) && job;
      });
    };

    it('a result is stored, and one that is larger abandons the job with the reason', async () => {
      expect(await ended('result', PAYLOAD)).toMatchObject({ state: 'completed', result: text(PAYLOAD) });
      expect(await ended('result', PAYLOAD + 1)).toMatchObject({
        state: 'abandoned',
        failure: { code: 'VALUE_TOO_LARGE', message: expect.stringMatching(/^result has 10001 bytes or more; the limit is 10000\./) },
      });
      expect(await ended('result.levels', 64)).toMatchObject({ state: 'completed' });
      expect(await ended('result.levels', 65)).toMatchObject({ state: 'abandoned', failure: { code: 'UNSTORABLE_VALUE' } });
    });

    it('a progress value is stored, and one that is larger is refused', async () => {
      expect(await ended('progress', PAYLOAD)).toMatchObject({ state: 'completed', progress: text(PAYLOAD) });
      expect(await ended('progress', PAYLOAD + 1)).toMatchObject({ state: 'abandoned', progress: null, failure: { code: 'VALUE_TOO_LARGE' } });
    });

    it('the message of an error is kept, and a longer one is shortened', async () => {
      expect((await ended('message', 4_000)).failure?.message).toBe('m'.repeat(4_000));
      expect((await ended('message', 4_001)).failure?.message).toBe(`${'m'.repeat(3_999)}…`);
    });

    it('a snooze is kept, and for a longer one the run fails with the reason', async () => {
      expect(await ended('snooze', TEN_YEARS)).toMatchObject({ state: 'scheduled' });
      expect(await ended('snooze', TEN_YEARS + 1)).toMatchObject({
        state: 'abandoned',
        failure: { code: 'INVALID_OPTION', message: expect.stringMatching(/^Option 'SnoozeJobError\.delay' is 315576000001; expected a duration/) },
      });
    });

    it('the state of a failure mode is kept, and for a larger one the job is abandoned with the reason', async () => {
      expect(await ended('state', 65_536)).toMatchObject({ state: 'abandoned', failure: { message: 'again' } });
      expect(asked).toEqual([65_536]);
      expect(await ended('state', 65_537)).toMatchObject({
        state: 'abandoned',
        failure: { message: 'again', cause: { code: 'VALUE_TOO_LARGE', message: expect.stringMatching(/^state has 65537 bytes.*next decision needs/) } },
      });
    });
  });
});
