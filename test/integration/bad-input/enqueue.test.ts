import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  defineJob,
  InvalidArgumentError,
  InvalidOptionError,
  NotifyQueueError,
  Retry,
  UnknownQueueError,
  UnstorableValueError,
  ValueTooLargeError,
} from '../../../lib/index.js';
import { startApp, type TestApp } from '../../support/app.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';

type Kind = new (...args: never[]) => NotifyQueueError;
type Case = [kind: Kind, code: string, text: RegExp];

const unstorable = (text: RegExp): Case => [UnstorableValueError, 'UNSTORABLE_VALUE', text];
const tooLarge = (text: RegExp): Case => [ValueTooLargeError, 'VALUE_TOO_LARGE', text];
const badOption = (text: RegExp): Case => [InvalidOptionError, 'INVALID_OPTION', text];
const badArgument = (text: RegExp): Case => [InvalidArgumentError, 'INVALID_ARGUMENT', text];

const circular: { list: unknown[] } = { list: [] };
circular.list.push({ back: circular });
const getterThrows = { get total(): never { throw new Error('not loaded'); } };
const toJsonGetterThrows = { get toJSON(): never { throw new Error('no toJSON'); } };
const trapped = new Proxy({}, { ownKeys: () => { throw new Error('trapped'); } });
const deep = Array.from({ length: 10_000 }).reduce<unknown>((inner) => [inner], 'end');

const PAYLOADS: Record<string, [payload: unknown, ...Case]> = {
  'a BigInt': [{ total: 10n }, ...unstorable(/^payload\.total cannot be stored: .*pass it as a string/)],
  'a function': [{ done: () => 1 }, ...unstorable(/payload\.done .*JSON has no function/)],
  'a symbol': [[Symbol('x')], ...unstorable(/payload\[0\] .*JSON has no symbol/)],
  'a circle': [circular, ...unstorable(/payload\.list\[0\]\.back .*contains itself/)],
  'NaN': [{ items: [1, { price: Number.NaN }] }, ...unstorable(/payload\.items\[1\]\.price .*not a JSON number/)],
  'Infinity': [Number.POSITIVE_INFINITY, ...unstorable(/^payload .*Infinity/)],
  'a Map': [{ byId: new Map() }, ...unstorable(/payload\.byId .*convert it/)],
  'a Set': [new Set([1]), ...unstorable(/convert it/)],
  'a Buffer': [{ file: Buffer.from('x') }, ...unstorable(/base64/)],
  'a typed array': [new Uint8Array(3), ...unstorable(/Uint8Array/)],
  'an invalid Date': [{ at: new Date(Number.NaN) }, ...unstorable(/payload\.at .*invalid Date/)],
  'a NUL character': ['a\u0000b', ...unstorable(/NUL character.*remove or encode/)],
  'a NUL character in a key': [{ 'a\u0000b': 1 }, ...unstorable(/NUL character/)],
  'half a surrogate pair': [{ text: '\ud83d' }, ...unstorable(/unpaired surrogate/)],
  'a throwing getter': [getterThrows, ...unstorable(/payload\.total .*not loaded/)],
  'a throwing toJSON getter': [toJsonGetterThrows, ...unstorable(/no toJSON/)],
  'a hostile proxy': [trapped, ...unstorable(/trapped/)],
  'a nesting 10,000 levels deep': [deep, ...unstorable(/64 levels/)],
  'a text past the limit': ['x'.repeat(1_048_577), ...tooLarge(/^payload has 1048579 bytes or more; the limit is 1048576\. .*maxPayloadSize/)],
  'umlauts past the limit in bytes': ['ü'.repeat(524_288), ...tooLarge(/1048578 bytes/)],
};

const FAR = "expected a duration of at most ten years";
const OPTIONS: Record<string, [options: object, ...Case]> = {
  'a delay that is a word': [{ delay: 'soon' }, ...badOption(/^Option 'enqueue\.delay' is 'soon'; expected a duration/)],
  'an empty delay': [{ delay: '' }, ...badOption(/'enqueue\.delay'/)],
  'a delay of a hundred words': [{ delay: '5m '.repeat(100) }, ...badOption(/'enqueue\.delay'/)],
  'a delay of NaN': [{ delay: Number.NaN }, ...badOption(/is NaN; expected a duration/)],
  'a negative delay': [{ delay: -1 }, ...badOption(/is -1;/)],
  'a negative delay in words': [{ delay: '-5s' }, ...badOption(/is '-5s';/)],
  'a delay of 1e20': [{ delay: 1e20 }, ...badOption(new RegExp(FAR))],
  'an infinite delay': [{ delay: Number.POSITIVE_INFINITY }, ...badOption(new RegExp(FAR))],
  'a delay that is an object': [{ delay: { seconds: 5 } }, ...badOption(/\{"seconds":5\}/)],
  'a delay that is a BigInt': [{ delay: 5n }, ...badOption(/is 5n/)],
  'a delay of null': [{ delay: null }, ...badOption(/is null/)],
  'a date in the year 300000': [{ runAt: new Date(9.4e12) }, ...badOption(/ten years/)],
  'the last date there is': [{ runAt: new Date(8.64e15) }, ...badOption(/valid Date/)],
  'an invalid date': [{ runAt: new Date('gone') }, ...badOption(/'enqueue\.runAt' is an invalid Date/)],
  'a date as text': [{ runAt: '2030-01-01' }, ...badOption(/expected a valid Date/)],
  'runAt beside delay': [{ delay: '5s', runAt: new Date() }, ...badOption(/only one of delay and runAt/)],
  'runAt beside a delay of zero': [{ delay: 0, runAt: new Date() }, ...badOption(/only one of delay and runAt/)],
  'a priority past smallint': [{ priority: 32_768 }, ...badOption(/'enqueue\.priority' .*-32768 to 32767/)],
  'a priority of a half': [{ priority: 0.5 }, ...badOption(/integer/)],
  'a priority as text': [{ priority: '1' }, ...badOption(/is '1'/)],
  'a blank queue': [{ queue: ' ' }, ...badOption(/'enqueue\.queue' is ' '; expected a non-blank string/)],
  'a queue that is a number': [{ queue: 5 }, ...badOption(/'enqueue\.queue' is 5/)],
  'a queue with a NUL character': [{ queue: 'a\u0000' }, ...badOption(/control characters/)],
  'a queue of 201 bytes': [{ queue: 'q'.repeat(201) }, ...badOption(/200 bytes/)],
  'an unknown queue': [{ queue: 'fax' }, UnknownQueueError, 'UNKNOWN_QUEUE', /'fax'.*Known: mail, default.*queues: \{ 'fax': \{\} \}/],
  'an id that is no UUID': [{ id: 'order-5' }, ...badArgument(/^'id' is 'order-5'; expected a UUID/)],
  'an id with braces': [{ id: '{0190d1f0-0000-7000-8000-000000000000}' }, ...badArgument(/UUID/)],
  'an id that is a number': [{ id: 7 }, ...badArgument(/'id' is 7/)],
  'an unknown key': [{ dealy: '5s' }, ...badOption(/^Option 'enqueue\.dealy' is '5s'; expected one of the keys .*delay/)],
  'a maxJobTime of zero': [{ maxJobTime: 0 }, ...badOption(/'enqueue\.maxJobTime' .*at least 1 ms/)],
  'a failure mode that is a word': [{ failureMode: 'retry' }, ...badOption(/Retry\(\{ times \}\)/)],
  'a failure mode that is no class of one': [{ failureMode: class Mode {} }, ...badOption(/handleFailure/)],
  'a success mode that is a word': [{ successMode: 'log' }, ...badOption(/LogSuccess/)],
  'a decide function': [
    { failureMode: Retry({ times: 1, decide: () => 'halt' }) },
    ...badOption(/decide function, which cannot be stored.*definition or use a class/),
  ],
  'a decide function further down the chain': [
    { failureMode: Retry({ times: 1, finally: Retry({ times: 1, decide: () => 'halt' }) }) },
    ...badOption(/decide function/),
  ],
  'a failure mode whose class has a name that no text can have': [
    { failureMode: Object.defineProperty(class { handleFailure() {} }, 'name', { value: 'a\u0000b' }) },
    ...badOption(/handleFailure/),
  ],
  'a failure mode made by hand that JSON cannot hold': [{ failureMode: Object.freeze({ mode: 'custom', className: 5n }) }, ...badOption(/handleFailure/)],
  'a failure mode made by hand with bad times': [{ failureMode: Object.freeze({ mode: 'retry', times: Number.NaN }) }, ...badOption(/'Retry\.times' is NaN/)],
  'a success mode made by hand that JSON cannot hold': [{ successMode: Object.freeze({ mode: 'custom', className: 5n }) }, ...badOption(/LogSuccess/)],
  'an option that cannot be read': [Object.defineProperty({}, 'delay', { enumerable: true, get: () => { throw new Error('no'); } }), ...badOption(/'enqueue' is .*expected an object that can be read/)],
  'a date that only looks like one': [{ runAt: Object.create(Date.prototype) }, ...badOption(/'enqueue\.runAt' is .*valid Date/)],
  'a manager that is none': [{ manager: {} }, ...badOption(/'enqueue\.manager' .*EntityManager/)],
};

const JOBS: Record<string, [job: unknown, ...Case]> = {
  'nothing': [undefined, ...badArgument(/^'job' is undefined/)],
  'a blank name': ['', ...badArgument(/^'job' is ''; expected a non-blank string/)],
  'a name with a line break': ['a\nb', ...badArgument(/control characters/)],
  'a name of 201 bytes': ['ü'.repeat(101), ...badArgument(/200 bytes/)],
  'a name with half a surrogate pair': ['\ud83d', ...badArgument(/job/)],
  'a number': [5, ...badArgument(/'job'/)],
  'an object without a name': [{ options: {} }, ...badArgument(/'job' is undefined/)],
  'a class': [class Invoice {}, ...badArgument(/'job' is the function Invoice; expected a non-blank string/)],
  'an object whose name cannot be read': [{ get name() { throw new Error('no'); } }, ...badArgument(/'job' is undefined/)],
  'a definition made by hand with a bad queue': [{ name: 'x', options: { queue: 'a\u0000' } }, ...badOption(/^Option 'defineJob\('x'\)\.queue' is 'a.'; expected a non-blank/)],
  'a definition made by hand with a bad priority': [{ name: 'x', options: { priority: 1e9 } }, ...badOption(/defineJob\('x'\)\.priority/)],
  'a definition made by hand with an unknown option': [{ name: 'x', options: { retries: 5 } }, ...badOption(/one of the keys queue/)],
};

describe('an enqueue that cannot be', () => {
  const database = useTestDatabase();
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({
      url: database.url,
      providers: [handle({ known: () => null })],
      queue: { allowUnknownQueues: false, queues: { mail: {} } },
    });
  });
  afterAll(() => app?.close());

  async function expectRefused(call: () => Promise<unknown>, [kind, code, text]: Case): Promise<void> {
    const error: unknown = await call().then(
      () => 'it was accepted',
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(kind);
    expect(error).toBeInstanceOf(NotifyQueueError);
    expect(error).toMatchObject({ code, name: kind.name });
    expect((error as Error).message).toMatch(text);
    expect((error as Error).message.length).toBeLessThan(600);
    expect(await database.query('SELECT count(*)::int AS n FROM notify_queue.all_jobs')).toEqual([{ n: 0 }]);
  }

  it.for(Object.keys(PAYLOADS))('payload: %s', async (title) => {
    const [payload, ...expected] = PAYLOADS[title]!;
    await expectRefused(() => app.queue.enqueue('known', payload), expected);
    const inBulk: Case = [expected[0], expected[1], /^payloads\[1\]/];
    await expectRefused(() => app.queue.enqueueMany('known', [{ fine: true }, payload]), inBulk);
  });

  it.for(Object.keys(OPTIONS))('options: %s', async (title) => {
    const [options, ...expected] = OPTIONS[title]!;
    await expectRefused(() => app.queue.enqueue('known', {}, options), expected);
  });

  it.for(Object.keys(JOBS))('job: %s', async (title) => {
    const [job, ...expected] = JOBS[title]!;
    await expectRefused(() => app.queue.enqueue(job as string, {}), expected);
  });

  it('a bulk of more than 10,000, or of more than 64 MB, or of no array', async () => {
    const many = Array.from({ length: 10_001 }, () => null);
    await expectRefused(() => app.queue.enqueueMany('known', many), tooLarge(/has 10001 jobs; the limit is 10000\. Enqueue in several calls/));
    const large = Array.from({ length: 70 }, () => 'x'.repeat(1_000_000));
    await expectRefused(() => app.queue.enqueueMany('known', large), tooLarge(/characters; the limit is/));
    await expectRefused(() => app.queue.enqueueMany('known', 'five' as never), badArgument(/'payloads' is 'five'; expected an array/));
    const one = { id: '0190d1f0-0000-7000-8000-000000000000' } as object;
    await expectRefused(() => app.queue.enqueueMany('known', [1], one), badOption(/^Option 'enqueueMany\.id' .*an id of its own/));
    const dataSource = { manager: app.dataSource as never };
    await expectRefused(() => app.queue.enqueueMany('known', [1], dataSource), badOption(/'enqueue\.manager' .*EntityManager of a transaction/));
    await expectRefused(() => app.queue.enqueueMany('known', [1], null as never), badOption(/^Option 'enqueue' is null; expected an object/));
    const unreadable = Object.defineProperty([1], 0, { get: () => { throw new Error('not loaded'); } });
    await expectRefused(() => app.queue.enqueueMany('known', unreadable), unstorable(/^payloads\[0\] .*not loaded/));
    expect(await app.queue.enqueueMany('known', [])).toEqual([]);
  });

  it('an array with holes: each is a job without a payload', async () => {
    const jobs = await app.queue.enqueueMany('nobody', Object.assign(Array(3), { 0: 1, 2: null }), { delay: '1h' });
    expect((await app.queue.find({ name: 'nobody' })).jobs.map((job) => job.payload)).toEqual([1, null, null]);
    for (const { id } of jobs) await app.queue.cancel(id);
    await database.query('DELETE FROM notify_queue.job_history');
  });

  it('a refused job leaves its transaction as it was', async () => {
    const id = await app.dataSource.transaction(async (manager) => {
      await expectRefused(() => app.queue.enqueue('known', { total: 1n }, { manager }), unstorable(/BigInt/));
      return (await app.queue.enqueue('known', {}, { manager })).id;
    });
    await app.queue.result(id);
    await database.query('DELETE FROM notify_queue.job_history');
  });

  it('definitions are checked where they are made', () => {
    const refusedDefinition = (name: unknown, options: object, text: RegExp): void => {
      expect(() => defineJob(name as string, options)).toThrow(InvalidOptionError);
      expect(() => defineJob(name as string, options)).toThrow(text);
    };
    refusedDefinition('', {}, /^Option 'defineJob\.name' is ''; expected a non-blank string/);
    refusedDefinition(5, {}, /^Option 'defineJob\.name' is 5;/);
    refusedDefinition('x', { quue: 'mail' }, /^Option 'defineJob\('x'\)\.quue' is 'mail'; expected one of the keys queue/);
    refusedDefinition('x', { queue: '' }, /defineJob\('x'\)\.queue/);
    refusedDefinition('x', { priority: 1e6 }, /priority/);
    refusedDefinition('x', { delay: 'later' }, /delay/);
    refusedDefinition('x', { maxJobTime: -1 }, /maxJobTime/);
    refusedDefinition('x', { failureMode: { mode: 'retry', times: 5 } }, /Retry\(\{ times \}\)/);
    refusedDefinition('x', null as never, /an object/);
  });
});
