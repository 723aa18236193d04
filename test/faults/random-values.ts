import fc from 'fast-check';

const LARGE = 'x'.repeat(10_000_000);
const nested = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = 'end';
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
};
const inList = (inner: unknown): unknown => [inner];
const inObject = (inner: unknown): unknown => ({ in: inner });
const fail = (): never => {
  throw new Error('no');
};
const revoked = (target: object): object => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};
const circle: Record<string, unknown> = { name: 'circle' };
circle['back'] = [circle];
class Failing {
  handleFailure(): 'abandon' {
    return 'abandon';
  }
  handleSuccess(): void {}
}

/** Values that somebody would have to think of. Each is made anew. */
const ODD: ReadonlyArray<() => unknown> = [
  () => nested(63, inList),
  () => nested(64, inObject),
  () => nested(65, inList),
  () => nested(10_000, inList),
  () => nested(10_000, inObject),
  () => nested(64, (inner) => [inner, inner]),
  () => LARGE,
  () => ({ text: LARGE }),
  () => ({ [LARGE]: 1 }),
  () => Array.from({ length: 1_000_000 }, () => 0),
  () => Array.from<unknown>({ length: 2 }).concat(Array(3)),
  () => Array(4_294_967_295),
  () => JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}'),
  () => JSON.parse('[{"__proto__": ["polluted"]}, {"__proto__": null, "a": 1}]'),
  () => Object.create({ delay: 5, manager: 5, id: 5 }),
  () => Object.create(Date.prototype),
  () => Object.create(null),
  () => circle,
  () => revoked({}),
  () => revoked([]),
  () => revoked(class {}),
  () => new Proxy({}, new Proxy({}, { get: () => fail })),
  () => new Proxy([], { get: fail }),
  () => Object.defineProperty({}, 'delay', { get: fail, enumerable: true }),
  () => Object.defineProperty([1], 0, { get: fail, enumerable: true }),
  () => ({ get name() { return fail(); }, get id() { return fail(); }, get key() { return fail(); } }),
  () => ({ toJSON: fail }),
  () => ({ toJSON: () => nested(10_000, inList) }),
  () => ({ toJSON() { return this; }, price: Number.NaN, deep: nested(10_000, inList) }),
  () => ({ toJSON() { return { again: this }; } }),
  () => ({ toJSON: () => ({ toJSON: () => 1, price: Number.POSITIVE_INFINITY }) }),
  () => Object.assign([1, 2], { toJSON: () => new Map() }),
  () => ({ toString: fail, valueOf: fail, [Symbol.toPrimitive]: fail }),
  () => Object.assign(() => undefined, { toString: fail }),
  () => Object.defineProperty(class {}, 'name', { get: fail }),
  () => Object.defineProperty(class extends Failing {}, 'name', { value: 'a\u0000b' }),
  () => Object.defineProperty(class extends Failing {}, 'name', { value: LARGE }),
  () => Object.freeze({ mode: 'custom', className: 5n }),
  () => Object.freeze({ mode: 'custom', className: '\ud800' }),
  () => Object.freeze({ mode: 'retry', times: Number.NaN, delayMs: -1 }),
  () => Object.freeze({ mode: 'retry', times: 1, more: circle }),
  () => Object.freeze({ mode: 'move', queue: '\u0000' }),
  () => Object.freeze(Object.assign(Object.create(null), { mode: 'abandon' })),
  () => nested(10_000, (inner) => Object.freeze({ mode: 'retry', times: 1, finally: inner === 'end' ? undefined : inner })),
  () => ({ '@instanceof': 'EntityManager', query: fail }),
  () => new Error('text'),
  () => new Map([[1, 2]]),
  () => new Set([1]),
  () => new Uint8Array(3),
  () => Buffer.from('text'),
  () => /text/,
  () => Symbol('text'),
  () => Symbol.for('EntityManager'),
  () => () => 1,
  () => new Number(Number.NaN),
  () => Object(1n),
  () => Object(Symbol('text')),
  () => 10n ** 100_000n,
];

const PIECES = ['a', 'ü', '😀', '\u0000', '\ud83d', '\ude00', '\\', '\\u0000', '"', "'", '$1', '{', ',', '\n', '\t', '\u001c', '\u2028', '\u00a0', '%', ' '];
const KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', 'toJSON', 'polluted'];

/** Stands for an odd value until a property asks for it: the generator could not look at some of them. */
class Odd {
  constructor(private readonly index: number) {}

  make(): unknown {
    return ODD[this.index]!();
  }

  [fc.toStringMethod](): string {
    return `odd(${ODD[this.index]})`;
  }
}

/** Each of them, for properties that are to meet all. */
export const everyOdd: unknown[] = ODD.map((_, index) => new Odd(index));

const odd: fc.Arbitrary<unknown> = fc.constantFrom(...everyOdd);

/** A value with the odd ones in their places. */
export function made(value: unknown): unknown {
  if (value instanceof Odd) return value.make();
  if (Array.isArray(value)) return value.map(made);
  if (typeof value !== 'object' || value === null || ![Object.prototype, null].includes(Object.getPrototypeOf(value))) return value;
  const copy: object = Object.create(Object.getPrototypeOf(value));
  for (const [key, inner] of Object.entries(value)) {
    Object.defineProperty(copy, key, { value: made(inner), enumerable: true, writable: true, configurable: true });
  }
  return Object.isFrozen(value) ? Object.freeze(copy) : copy;
}

export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...PIECES) }),
  fc.constantFrom(...KEYS),
  fc.constantFrom(190, 191, 200, 201).map((bytes) => 'q'.repeat(bytes)),
);

/** What is a name for certain: of a job, a queue, a config row. */
export const name: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((it) => it.trim() !== ''),
  fc.constantFrom(...KEYS, "it's", '"; DROP TABLE x; --', '%s', '$1', '😀', '\\', 'q'.repeat(190)),
);

export const date: fc.Arbitrary<Date> = fc.oneof(
  fc.date({ noInvalidDate: false }),
  fc.constantFrom(0, -1, 8.64e15, -8.64e15, 8e14, -8e14, -62_135_596_800_001, 253_402_300_800_000, Number.NaN).map((at) => new Date(at)),
);

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  text,
  fc.double(),
  fc.constantFrom(0, -0, 5e-324, 1.7976931348623157e308, Number.NaN, Number.POSITIVE_INFINITY, -(2 ** 53), 2 ** 31),
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(null, undefined),
  date,
);

/** Anything that JSON has, of whatever text, nested a little. */
export const plain: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(text, tie('value'), { maxKeys: 5 }),
  ),
})).value;

/** Anything at all. */
export const thing: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: plain },
  { weight: 2, arbitrary: leaf },
  { weight: 2, arbitrary: odd },
  {
    weight: 2,
    arbitrary: fc.anything({
      key: text, withBigInt: true, withBoxedValues: true, withDate: true, withMap: true, withNullPrototype: true,
      withObjectString: true, withSet: true, withSparseArray: true, withTypedArray: true, withUnicodeString: true,
    }),
  },
  { weight: 1, arbitrary: fc.dictionary(text, fc.oneof(leaf, odd), { maxKeys: 3 }) },
  { weight: 1, arbitrary: fc.array(fc.oneof(leaf, odd), { maxLength: 3 }) },
);

/** An option: now and then missing, mostly as it should be, else anything. */
export const orThing = <T>(good: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 5, arbitrary: good }, { weight: 1, arbitrary: thing });

const CHANGED_BY_JSON = [Map, Set, Promise, RegExp, Error, ArrayBuffer, BigInt, Symbol];

/** A text that is the same for what JSON takes for the same, also where a key is `__proto__`. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)) : inner,
  );
}

/** What JSON carries of a value, as it reads back. Fails where JSON would change it without a word. */
export function asJson(value: unknown): unknown {
  const json = JSON.stringify(value, (_, inner: unknown) => {
    const number = inner instanceof Number ? Number(inner) : inner;
    const isLost =
      typeof inner === 'function' || typeof inner === 'symbol' || (typeof number === 'number' && !Number.isFinite(number)) ||
      CHANGED_BY_JSON.some((type) => inner instanceof type) || ArrayBuffer.isView(inner);
    if (isLost) throw new Error('It was accepted, and JSON would change it');
    return inner;
  });
  return json === undefined ? null : JSON.parse(json);
}
