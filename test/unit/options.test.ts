import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Abandon, ExponentialRetry, Move, Retry, toFailureModeSpec } from '../../lib/core/failure-modes.js';
import { OptionReader } from '../../lib/core/option-reader.js';
import { decodeRunSettings, encodeRunSettings, readRunOptions } from '../../lib/core/run-options.js';
import { IgnoreSuccess, LogSuccess, toSuccessModeSpec } from '../../lib/core/success-modes.js';
import { InvalidOptionError } from '../../lib/errors/index.js';
import { queueOptionsOf, resolveOptions, retentionsOf, suspensionKeysOf } from '../../lib/notify-queue.options.js';

const DAY_MS = 86_400_000;

describe('OptionReader', () => {
  it('reads what is set, and falls back for what is not', () => {
    const reader = new OptionReader({ wait: '2s', size: 5, on: true, role: 'b', nothing: undefined }, 'x');
    expect([
      reader.duration('wait', 1), reader.integer('size', 1, 0, 9), reader.boolean('on', false), reader.oneOf('role', 'a', ['a', 'b']),
      reader.duration('nothing', 7), reader.integer('gone', 8, 0, 9), reader.raw('gone'),
    ]).toEqual([2_000, 5, true, 'b', 7, 8, undefined]);
    expect(() => reader.done()).not.toThrow();
  });

  it('names option, value and expectation, with the path', () => {
    const reader = new OptionReader({ size: 'big' }, 'queues.mail');
    expect(() => reader.integer('size', 1, 0, 9)).toThrow("Option 'queues.mail.size' is 'big'; expected an integer from 0 to 9.");
    expect(() => new OptionReader({ size: 1 }, '').done()).toThrow(/^Option 'size' is 1; expected one of the keys /);
    const twice = new OptionReader({ size: 1 }, '');
    void [twice.raw('limit'), twice.integer('limit', 1, 0, 9)];
    expect(() => twice.done()).toThrow("Option 'size' is 1; expected one of the keys limit.");
    expect(() => new OptionReader([], 'list')).toThrow("Option 'list' is []; expected an object.");
    expect(() => new OptionReader(null, '')).toThrow("Option 'options' is null; expected an object.");
  });

  it('never falls for keys of the prototype', () => {
    const reader = new OptionReader(Object.create({ size: 5 }) as object, 'x');
    expect(reader.integer('size', 1, 0, 9)).toBe(1);
    expect(new OptionReader({}, 'x').raw('constructor')).toBeUndefined();
    expect(() => new OptionReader(JSON.parse('{"__proto__": 1}'), 'x').done()).toThrow(/'x\.__proto__'/);
  });

  it('throws nothing but its own error, whatever it is given', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }), fc.string(), (value, key) => {
        try {
          const reader = new OptionReader(value, 'x');
          reader.duration(key, 0);
          reader.integer(key, 0, 0, 1);
          reader.boolean(key, true);
          reader.oneOf(key, 'a', ['a']);
          reader.done();
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidOptionError);
          expect((error as Error).message.length).toBeLessThan(2_000);
        }
      }),
    );
  });
});

describe('resolveOptions', () => {
  it('has a default for everything', () => {
    const { defaults, queues, ...rest } = resolveOptions();
    expect(rest).toEqual({
      schema: 'notify_queue', name: 'default', role: 'all', autoStart: 'bootstrap', runQueues: undefined, middleware: [], clusterEvents: [], codec: undefined,
      enhancers: { guards: false, interceptors: false, filters: false }, allowUnknownQueues: true, listen: true, listenUrl: undefined, sweepIntervalMs: 5_000,
      leaseMs: 15_000, queryTimeoutMs: 10_000, shutdownGraceMs: 20_000, migrations: 'check', maxPayloadSize: 1_048_576, maxCrashes: 3, resolveManager: undefined,
    });
    expect(defaults).toEqual({
      concurrency: 10, maxJobTimeMs: 3_600_000, abortGraceMs: 1_000, failureMode: { mode: 'abandon' }, successMode: { mode: 'none' }, retryDelayMs: 15_000,
      perQueueSuspension: true, keepCompletedMs: 7 * DAY_MS, keepAbandonedMs: 30 * DAY_MS,
      globalConcurrency: undefined, rate: undefined, groupConcurrency: 1, groupRate: undefined,
    });
    expect(queues.size).toBe(0);
  });

  it('lets a queue inherit from the defaults, and those from the module', () => {
    const options = resolveOptions({
      retention: { completed: '1d' },
      defaults: { concurrency: 3, retention: { abandoned: 'forever' } },
      queues: { mail: { maxJobTime: '5m', abortGrace: 0, retention: { completed: 'none' } }, fax: { retention: 'none', perQueueSuspension: false } },
    });
    expect(options.defaults).toMatchObject({ concurrency: 3, keepCompletedMs: DAY_MS, keepAbandonedMs: Infinity });
    expect(queueOptionsOf(options, 'mail')).toMatchObject({ concurrency: 3, maxJobTimeMs: 300_000, abortGraceMs: 0, keepCompletedMs: null, keepAbandonedMs: Infinity });
    expect(queueOptionsOf(options, 'fax')).toMatchObject({ keepCompletedMs: null, keepAbandonedMs: null });
    expect(queueOptionsOf(options, 'other')).toBe(options.defaults);
    expect(suspensionKeysOf(options, 'mail')).toEqual(['suspended', 'mail_suspended']);
    expect(suspensionKeysOf(options, 'fax')).toEqual(['suspended']);
    expect(retentionsOf(options)).toEqual([DAY_MS]);
    expect(retentionsOf(resolveOptions({ retention: 'none' }))).toEqual([]);
  });

  it('knows the ways to listen', () => {
    expect(resolveOptions({ listen: false })).toMatchObject({ listen: false, listenUrl: undefined });
    expect(resolveOptions({ listen: true })).toMatchObject({ listen: true, listenUrl: undefined });
    expect(resolveOptions({ listen: { url: 'postgres://direct/db' } })).toMatchObject({ listen: true, listenUrl: 'postgres://direct/db' });
    expect(resolveOptions({ listen: {} })).toMatchObject({ listen: true, listenUrl: undefined });
  });

  it('tells other processes of nothing that may never be committed', () => {
    expect(resolveOptions({ clusterEvents: ['job:lost', 'job:completed'] }).clusterEvents).toEqual(['job:lost', 'job:completed']);
    for (const clusterEvents of [['job:enqueued'], 'job:lost', [undefined]]) {
      expect(() => resolveOptions({ clusterEvents } as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option: 'clusterEvents' }));
    }
  });

  it('gives something that nobody can change', () => {
    const options = resolveOptions({ queues: { mail: {} } });
    for (const part of [options, options.defaults, options.queues.get('mail')]) expect(Object.isFrozen(part)).toBe(true);
  });
});

describe('run options', () => {
  class Custom {
    handleFailure() {
      return 'abandon' as const;
    }
    handleSuccess() {}
  }

  it('are undefined where they are not set, so that the wider scope counts', () => {
    expect(readRunOptions(new OptionReader({}, 'x'))).toEqual({});
    expect(encodeRunSettings({})).toBeNull();
    expect(decodeRunSettings(null)).toEqual({});
  });

  it('come back from the database as they went', () => {
    const modes = [Abandon(), Retry({ times: 3, delay: '5s', finally: Move({ queue: 'dead' }) }), ExponentialRetry({ times: 2, jitter: true, finally: Custom })];
    for (const failureMode of modes) {
      const settings = readRunOptions(new OptionReader({ failureMode, successMode: LogSuccess(), maxJobTime: '1m', abortGrace: 0 }, 'x'));
      expect(decodeRunSettings(encodeRunSettings(settings))).toEqual(JSON.parse(JSON.stringify(settings)));
    }
    const custom = readRunOptions(new OptionReader({ failureMode: Custom, successMode: Custom }, 'x'));
    expect(decodeRunSettings(encodeRunSettings(custom))).toEqual({
      failureMode: { mode: 'custom', className: 'Custom' }, successMode: { mode: 'custom', className: 'Custom' },
    });
  });

  it('survive whatever somebody wrote into the row', () => {
    const odd = ['null', '5', '"x"', 'true', '[]', '{"failureMode":5}', '{"failureMode":{"type":"x"},"maxJobTimeMs":-1,"abortGraceMs":"x","successMode":[]}'];
    for (const text of odd) expect(decodeRunSettings(text)).toEqual({});
  });

  it('modes are specs of this package or classes with the method', () => {
    expect(toFailureModeSpec('x', Custom)).toEqual({ mode: 'custom', className: 'Custom' });
    expect(toSuccessModeSpec('x', Custom)).toEqual({ mode: 'custom', className: 'Custom' });
    expect([toFailureModeSpec('x', Abandon()), toSuccessModeSpec('x', IgnoreSuccess())]).toEqual([{ mode: 'abandon' }, { mode: 'none' }]);
    const wrong = ['retry', 5, null, {}, { mode: 'abandon' }, Object.freeze({ mode: 'other' }), Object.freeze([]), class {}, class Other {}, () => 1];
    for (const value of wrong) {
      expect(() => toFailureModeSpec('x', value)).toThrow(InvalidOptionError);
      expect(() => toSuccessModeSpec('x', value)).toThrow(InvalidOptionError);
    }
    for (const spec of [Abandon(), Retry({ times: 1 }), ExponentialRetry({ times: 1 }), Move({ queue: 'x' }), LogSuccess()]) {
      expect(Object.isFrozen(spec)).toBe(true);
    }
  });
});
