import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toFailureRecord } from '../../../lib/core/failure-record.js';

describe('toFailureRecord', () => {
  it.each([
    ['an error', new TypeError('bad'), { name: 'TypeError', message: 'bad' }],
    ['undefined', undefined, { name: 'NonError', message: 'Thrown value: undefined' }],
    ['null', null, { name: 'NonError', message: 'Thrown value: null' }],
    ['a string', 'plain', { name: 'NonError', message: 'Thrown value: plain' }],
    ['a BigInt', 1n, { name: 'NonError', message: 'Thrown value: 1' }],
    ['a symbol', Symbol('s'), { name: 'NonError', message: 'Thrown value: Symbol(s)' }],
    ['an object', { reason: 'x' }, { name: 'Object', message: '{"reason":"x"}' }],
    ['an object without prototype', Object.create(null), { name: 'Error', message: '{}' }],
    ['a code', Object.assign(new Error('x'), { code: 'E_X' }), { name: 'Error', message: 'x', code: 'E_X' }],
    ['a NUL byte', new Error('a\u0000b'), { name: 'Error', message: 'a\uFFFDb' }],
    ['half a surrogate', new Error('a\ud800'), { name: 'Error', message: 'a\uFFFD' }],
    ['a cause', new Error('x', { cause: new Error('why') }), { cause: { name: 'Error', message: 'why' } }],
  ])('keeps %s readable', (_what, thrown, expected) => {
    expect(toFailureRecord(thrown)).toMatchObject(expected);
  });

  it('survives getters and proxies that throw', () => {
    const hostile = new Proxy({}, { get: () => { throw new Error('no'); }, ownKeys: () => { throw new Error('no'); }, getPrototypeOf: () => { throw new Error('no'); } });
    expect(toFailureRecord(hostile)).toMatchObject({ name: 'Error' });
  });

  it('cuts long texts and chains of causes', () => {
    const loop = new Error('x'.repeat(100_000));
    loop.cause = loop;
    const record = toFailureRecord(loop);
    expect(record.message.length).toBe(4_000);
    expect(JSON.stringify(record).length).toBeLessThan(130_000);
  });

  it('gives jsonb what it can hold, for anything', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true }), (thrown) => {
        const text = JSON.stringify(toFailureRecord(thrown));
        expect(text.isWellFormed() && !text.includes('\\u0000') && !/(?<!\\)\\ud[89a-f]/.test(text)).toBe(true);
      }),
    );
  });
});
