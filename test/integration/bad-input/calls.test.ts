import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ConfigExistsError,
  ConfigNotFoundError,
  InvalidArgumentError,
  InvalidConfigValueError,
  InvalidOptionError,
  JobNotFoundError,
  JobStateError,
  NotifyQueueError,
  toBoolean,
  toNumber,
  UnknownQueueError,
  UnstorableValueError,
  type JobConfigs,
  type JobQueue,
} from '../../../lib/index.js';
import { startApp, type TestApp } from '../../support/app.js';
import { useTestDatabase } from '../../support/database.js';

type Kind = new (...args: never[]) => NotifyQueueError;
type Case<Target> = [call: (target: Target) => unknown, kind: Kind, code: string, text: RegExp];

const ID = '0190d1f0-0000-7000-8000-000000000000';
const argument = <T>(call: (target: T) => unknown, text: RegExp): Case<T> => [call, InvalidArgumentError, 'INVALID_ARGUMENT', text];
const option = <T>(call: (target: T) => unknown, text: RegExp): Case<T> => [call, InvalidOptionError, 'INVALID_OPTION', text];
const value = <T>(call: (target: T) => unknown, text: RegExp): Case<T> => [call, InvalidConfigValueError, 'INVALID_CONFIG_VALUE', text];
const bad = (wrong: unknown): never => wrong as never;

const QUEUE: Record<string, Case<JobQueue>> = {
  'get: an id that is none': argument((queue) => queue.get('5'), /^'id' is '5'; expected a UUID/),
  'get: no id': argument((queue) => queue.get(bad(undefined)), /^'id' is undefined/),
  'get: an injection': argument((queue) => queue.get("' OR 1=1 --"), /expected a UUID/),
  'cancel: an id that is none': argument((queue) => queue.cancel('x'), /'id'/),
  'cancel: an unknown key': option((queue) => queue.cancel(ID, bad({ abrot: true })), /^Option 'cancel\.abrot' is true; expected one of the keys abort/),
  'cancel: an abort that is text': option((queue) => queue.cancel(ID, bad({ abort: 'yes' })), /'cancel\.abort' is 'yes'; expected true or false/),
  'move: an id that is none': argument((queue) => queue.move('x', 'mail'), /'id'/),
  'move: a blank queue': argument((queue) => queue.move(ID, ''), /^'queue' is ''/),
  'move: an unknown queue': [(queue) => queue.move(ID, 'fax'), UnknownQueueError, 'UNKNOWN_QUEUE', /'fax' is not known here/],
  'retry: an id that is none': argument((queue) => queue.retry('x'), /'id'/),
  'retry: an unknown job': [(queue) => queue.retry(ID), JobNotFoundError, 'JOB_NOT_FOUND', new RegExp(`^Job ${ID} is not in the history`)],
  'result: an id that is none': argument((queue) => queue.result('x'), /'id'/),
  'result: a timeout that is a word': option((queue) => queue.result(ID, { timeout: bad('long') }), /^Option 'result\.timeout' is 'long'; expected a duration/),
  'result: an unknown key': option((queue) => queue.result(ID, bad({ timout: 5 })), /^Option 'result\.timout' is 5; expected one of the keys timeout/),
  'result: an unknown job': [(queue) => queue.result(ID), JobNotFoundError, 'JOB_NOT_FOUND', /does not exist, or its history is not kept/],
  'watch: an id that is none': argument((queue) => queue.watch('x'), /'id'/),
  'status: a blank queue': argument((queue) => queue.status(' '), /'queue'/),
  'suspend: a blank queue': argument((queue) => queue.suspend(''), /'queue'/),
  'suspend: a queue without suspension of its own': argument(
    (queue) => queue.suspend('steady'),
    /^'queue' is 'steady'; expected a queue with perQueueSuspension on, or none for all queues/,
  ),
  'resume: a queue that is a number': argument((queue) => queue.resume(bad(5)), /'queue' is 5/),
  'find: an unknown key': option((queue) => queue.find(bad({ nmae: 'x' })), /^Option 'criteria\.nmae' is 'x'; expected one of the keys .*name/),
  'find: a state that is none': option((queue) => queue.find({ state: bad('done') }), /^Option 'criteria\.state' is 'done'; expected .*'completed'/),
  'find: a state among good ones that is none': option((queue) => queue.find({ state: ['available', bad(5)] }), /'criteria\.state' is 5/),
  'find: a date as text': option((queue) => queue.find({ enqueuedAfter: bad('2026-01-01') }), /'criteria\.enqueuedAfter'.*valid Date/),
  'find: the last date there is': option((queue) => queue.find({ enqueuedBefore: new Date(8.64e15) }), /valid Date/),
  'find: a payload with a BigInt': [(queue) => queue.find({ payload: { a: 1n } }), UnstorableValueError, 'UNSTORABLE_VALUE', /^criteria\.payload\.a/],
  'find: a page of zero': option((queue) => queue.find({}, { limit: 0 }), /^Option 'page\.limit' is 0; expected an integer from 1 to 1000/),
  'find: a cursor that is none': option((queue) => queue.find({}, { cursor: 'next' }), /'page\.cursor' is 'next'; expected the nextCursor of a page/),
  'find: a cursor that only looks like one': option((queue) => queue.find({}, { cursor: '-'.repeat(36) }), /'page\.cursor'/),
  'find: an order that is none': option((queue) => queue.find({}, { order: bad('random') }), /'oldest' or 'newest'/),
  'find: a date before the year 1': option((queue) => queue.find({ enqueuedAfter: new Date(-7e14) }), /'criteria\.enqueuedAfter'.*from the year 1 to 9999/),
  'iterate: no options': option((queue) => queue.iterate({}, bad(null)).next(), /^Option 'page' is null; expected an object/),
  'iterate: a predicate that is none': option((queue) => queue.iterate({}, { predicate: bad(5) }).next(), /'page\.predicate' is 5; expected a function/),
  'iterate: a cursor': option((queue) => queue.iterate({}, bad({ cursor: ID })).next(), /'page\.cursor'.*one of the keys limit, order, predicate/),
  'suspend: a queue whose name leaves no room': argument((queue) => queue.suspend('q'.repeat(191)), /^'queue' is 'q+\.\.\.'; expected a queue whose name leaves room for '_suspended'/),
  'iterate: an unknown key': option((queue) => queue.iterate({}, bad({ pageSize: 5 })).next(), /'page\.pageSize'/),
};

const CONFIGS: Record<string, Case<JobConfigs>> = {
  'a number': value((configs) => configs.set('rate', bad(5)), /^The value of config 'rate' is 5; expected a non-blank string.*Use String\(\)/),
  'a boolean': value((configs) => configs.create('on', bad(true)), /is true;/),
  'undefined': value((configs) => configs.update('on', bad(undefined)), /is undefined;/),
  'an object': value((configs) => configs.set('on', bad({ a: 1 })), /is \{"a":1\};.*JSON\.stringify\(\)/),
  'an empty text': value((configs) => configs.set('on', ''), /is ''; expected a non-blank string/),
  'a blank text': value((configs) => configs.set('on', ' \t\n'), /non-blank/),
  'a text of rare blanks': value((configs) => configs.set('on', '\u0085\u2003\u3000\ufeff'), /non-blank/),
  'a NUL character': value((configs) => configs.set('on', 'a\u0000b'), /without NUL/),
  'half a surrogate pair': value((configs) => configs.set('on', '\ud83d'), /string/),
  'a key that is a number': value((configs) => configs.set(bad(5), 'x'), /^Config key 5 cannot be used; expected/),
  'a blank key': value((configs) => configs.create(' ', 'x'), /key ' '/),
  'a key with a line break': value((configs) => configs.set('a\nb', 'x'), /control characters/),
  'a key of 201 bytes': value((configs) => configs.set('k'.repeat(201), 'x'), /200 bytes/),
  'a manager that is misspelt': option((configs) => configs.set('on', 'x', bad({ manger: 1 })), /^Option 'configs\.set\.manger' is 1; expected one of the keys manager/),
  'a manager that is a data source': option((configs) => configs.delete('on', bad({ manager: { query() {} } })), /'configs\.delete\.manager'.*EntityManager/),
  'a watch without a parser': option((configs) => configs.watch('on', bad({ default: 1 })), /^Option 'configs\.watch\.parse' is undefined; expected a function/),
  'a watch with an unknown key': option((configs) => configs.watch('on', bad({ parse: String, defualt: 1 })), /'configs\.watch\.defualt' is 1/),
  'a watch of a blank key': value((configs) => configs.watch('', { parse: String, default: '' }), /Config key ''/),
  'a text of separators that ICU takes for blanks': value((configs) => configs.set('on', '\u001c\u001f'), /non-blank/),
  'get of a key with a NUL character': value((configs) => configs.get('a\u0000b'), /^Config key 'a.b' cannot be used/),
  'get of a key that is a number': value((configs) => configs.get(bad(5)), /^Config key 5 /),
  'delete of a key with half a surrogate pair': value((configs) => configs.delete('\ud83d'), /cannot be used/),
  'delete of nothing': value((configs) => configs.delete(bad(null)), /^Config key null /),
  'update of no row': value((configs) => configs.update(bad(undefined), 'x'), /^Config key undefined /),
  'update of a row without a key': value((configs) => configs.update(bad({}), 'x'), /^Config key undefined /),
  'update of a key that is not there': [(configs) => configs.update('none', 'x'), ConfigNotFoundError, 'CONFIG_NOT_FOUND', /'none'\. Use create\(\) or set\(\)/],
  'delete of a key that is not there': [(configs) => configs.delete('none'), ConfigNotFoundError, 'CONFIG_NOT_FOUND', /'none'/],
  'get of a key that is not there': [(configs) => configs.get('none'), ConfigNotFoundError, 'CONFIG_NOT_FOUND', /'none'/],
};

describe('calls with bad arguments', () => {
  const database = useTestDatabase();
  let app: TestApp;
  beforeAll(async () => {
    const queues = { mail: {}, steady: { perQueueSuspension: false } };
    app = await startApp({ url: database.url, queue: { allowUnknownQueues: false, queues } });
  });
  afterAll(() => app?.close());

  async function expectRefused<T>(target: T, [call, kind, code, text]: Case<T>): Promise<void> {
    const error: unknown = await Promise.resolve()
      .then(() => call(target))
      .then(
        () => 'it was accepted',
        (cause: unknown) => cause,
      );
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ name: kind.name, code });
    expect((error as Error).message).toMatch(text);
    expect(await database.query('DELETE FROM notify_queue.job_configs RETURNING key')).toEqual([]);
  }

  it.for(Object.keys(QUEUE))('JobQueue.%s', (title) => expectRefused(app.queue, QUEUE[title]!));

  it.for(Object.keys(CONFIGS))('JobConfigs: %s', (title) => expectRefused(app.configs, CONFIGS[title]!));

  it('JobConfigs.create of a key that exists leaves its row', async () => {
    const row = await app.configs.create('once', 'one');
    const again = app.configs.create('once', 'two');
    await expect(again).rejects.toThrow(ConfigExistsError);
    await expect(again).rejects.toMatchObject({ code: 'CONFIG_EXISTS', message: expect.stringMatching(/'once' exists already\. Use set\(\)/) });
    expect(await app.configs.get('once')).toEqual(row);
    await app.configs.delete('once');
  });

  it('JobQueue.retry of a job that waits leaves it waiting', async () => {
    const { id } = await app.queue.enqueue('nobody', {}, { queue: 'mail' });
    await expect(app.queue.retry(id)).rejects.toThrow(JobStateError);
    await expect(app.queue.retry(id)).rejects.toMatchObject({ code: 'JOB_STATE', message: expect.stringMatching(/has not finished/) });
    expect(await app.queue.get(id)).toMatchObject({ state: 'available' });
    await expect(app.queue.result(id, { timeout: 10 })).rejects.toMatchObject({ name: 'ResultTimeoutError', code: 'RESULT_TIMEOUT' });
  });

  it('typed readers refuse what only looks right', () => {
    for (const text of ['True', 'yes', '1', '', ' true', 'null']) {
      expect(() => toBoolean(text)).toThrow(InvalidConfigValueError);
    }
    for (const text of ['', ' ', 'five', '1,5', 'NaN', 'Infinity', '1e999', '5 apples']) {
      expect(() => toNumber(text)).toThrow(InvalidConfigValueError);
    }
    for (const none of [undefined, null, 5n, Symbol('5'), {}, 5]) {
      expect(() => toNumber(bad(none))).toThrow(InvalidConfigValueError);
      expect(() => toBoolean(bad(none))).toThrow(InvalidConfigValueError);
    }
    expect([toBoolean('true'), toBoolean('false'), toNumber('-1.5'), toNumber('1e3')]).toEqual([true, false, -1.5, 1_000]);
  });
});
