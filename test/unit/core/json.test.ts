import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeJson } from '../../../lib/core/json.js';
import { UnstorableValueError, ValueTooLargeError } from '../../../lib/errors/enqueue.errors.js';

const encode = (value: unknown, limit = 1_000_000): string => encodeJson(value, 'payload', limit);
const circular: Record<string, unknown> = { a: {} };
(circular['a'] as Record<string, unknown>)['back'] = circular;
const deep = (levels: number): unknown => Array.from({ length: levels }).reduce<unknown>((inner) => [inner], 1);

describe('encodeJson', () => {
  it.each([
    ['a BigInt', { n: [1n] }, 'payload.n[0]'],
    ['a function', { f: () => 1 }, 'payload.f'],
    ['a symbol', [Symbol('x')], 'payload[0]'],
    ['NaN', { x: { y: Number.NaN } }, 'payload.x.y'],
    ['Infinity', Infinity, 'payload'],
    ['a Map', { m: new Map() }, 'payload.m'],
    ['a Set', new Set(), 'payload'],
    ['a typed array', new Uint8Array(2), 'payload'],
    ['a Buffer', { b: Buffer.from('x') }, 'payload.b'],
    ['an invalid Date', { d: new Date(NaN) }, 'payload.d'],
    ['a circle', circular, 'payload.a.back'],
    ['too deep a nesting', deep(65), `payload${'[0]'.repeat(64)}`],
    ['a NUL character', { t: 'a\u0000b' }, 'payload'],
    ['an unpaired surrogate', { t: '\ud800' }, 'payload'],
    ['an unpaired surrogate in a key', { '\udc00': 1 }, 'payload'],
    ['a throwing getter', Object.defineProperty({}, 'g', { enumerable: true, get: () => { throw new Error('no'); } }), 'payload.g'],
    ['a throwing toJSON', { toJSON: () => { throw new Error('no'); } }, 'payload'],
  ])('refuses %s and names the place', (_what, value, path) => {
    const refusal = (() => {
      try {
        encode(value);
      } catch (error) {
        return error as UnstorableValueError;
      }
      return undefined;
    })();
    expect(refusal).toBeInstanceOf(UnstorableValueError);
    expect(refusal).toMatchObject({ code: 'UNSTORABLE_VALUE', path });
  });

  it('takes what only looks like a refused escape', () => {
    const value = { a: '\\u0000', b: '\\\\ud800', c: '😀', d: '\\', ['__proto__x']: 1 };
    expect(JSON.parse(encode(value))).toEqual(value);
  });

  it('takes the same object twice, dates, nulls and undefined properties', () => {
    const shared = { x: 1 };
    expect(encode({ a: shared, b: shared, d: new Date(0), n: null, u: undefined })).toBe(
      '{"a":{"x":1},"b":{"x":1},"d":"1970-01-01T00:00:00.000Z","n":null}',
    );
    expect(encode(undefined)).toBe('null');
    expect(encode(deep(64))).toHaveLength(129);
  });

  it('takes what a toJSON gives as JSON does, and looks into it', () => {
    const self = (more: object) => ({ toJSON() { return this; }, ...more });
    expect(() => encode({ a: self({ n: Number.NaN }) })).toThrow(/^payload\.a\.toJSON cannot be stored: JSON has no function/);
    expect(() => encode({ a: Object.defineProperty({ n: Number.NaN }, 'toJSON', { value() { return this; } }) })).toThrow(/^payload\.a\.n /);
    expect(() => encode({ a: { toJSON: () => new Map() } })).toThrow(/^payload\.a cannot be stored: JSON would not keep a Map/);
    expect(() => encode(Object.assign([1], { toJSON: () => 1n }))).toThrow(/BigInt/);
    expect(encode({ a: { toJSON: (key: string) => [key] }, u: { toJSON: () => undefined } })).toBe('{"a":["a"]}');
  });

  it('takes boxed values as JSON does, and refuses those that it would change', () => {
    expect(encode([new Number(1), new String('a'), new Boolean(false)])).toBe('[1,"a",false]');
    expect(() => encode([new Number(Number.NaN)])).toThrow(/^payload\[0\] .*not a JSON number/);
    expect(() => encode([Object(1n)])).toThrow(/keep a BigInt/);
    expect(() => encode({ s: Object(Symbol('s')) })).toThrow(/keep a Symbol/);
  });

  it('reads everything once, so that what is stored is what was checked', () => {
    const reads: string[] = [];
    const once = (name: string) => {
      reads.push(name);
      return reads.filter((other) => other === name).length === 1 ? 'good' : Number.NaN;
    };
    const fickle = { get a() { return once('a'); }, b: { toJSON: () => once('b') }, c: [1] };
    expect(encode(fickle)).toBe('{"a":"good","b":"good","c":[1]}');
    expect(reads).toEqual(['a', 'b']);
  });

  it('keeps a key __proto__, and touches no prototype', () => {
    const text = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
    expect(encode(JSON.parse(text))).toBe(text);
    expect({}).not.toHaveProperty('polluted');
  });

  it('ends at the limit, also with one object in endlessly many places', () => {
    let shared: unknown = 'x';
    for (let level = 0; level < 64; level++) shared = [shared, shared];
    const large = 'x'.repeat(1_000_000);
    for (const value of [shared, Array(4_294_967_295), Array.from({ length: 1_000 }, () => large), { [large]: 1, b: 2 }]) {
      expect(() => encode(value)).toThrow(ValueTooLargeError);
      expect(() => encode(value)).toThrow(/^payload has \d+ bytes or more; the limit is 1000000\. Store the data elsewhere/);
    }
  });

  it('takes every value of exactly the limit, and none of a byte more', () => {
    for (const value of ['x', [], [null, undefined, 1], [[], [{}]], { a: 1, b: [true] }, { ü: '"\\n' }, [new Date(0)], {}]) {
      const size = Buffer.byteLength(JSON.stringify(value));
      expect(Buffer.byteLength(encode(value, size))).toBe(size);
      expect(() => encode(value, size - 1)).toThrow(ValueTooLargeError);
    }
  });

  it('shortens long keys in the path', () => {
    expect(() => encode({ ['k'.repeat(100_000)]: 1n })).toThrow(new RegExp(`^payload\\.k{80}… cannot be stored`));
  });

  it('counts bytes, not characters', () => {
    expect(encode('é'.repeat(10), 22)).toHaveLength(12);
    expect(() => encode('é'.repeat(11), 22)).toThrow(ValueTooLargeError);
  });

  it('round-trips every JSON value that is well formed', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('\\u0000') && text.isWellFormed() && !/\\ud[89a-f]/.test(text));
        expect(JSON.parse(encode(value))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('never throws anything but its own errors', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }), (value) => {
        try {
          JSON.parse(encode(value, 10_000));
        } catch (error) {
          expect([UnstorableValueError, ValueTooLargeError]).toContain((error as Error).constructor);
        }
      }),
    );
  });
});
