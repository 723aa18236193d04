// oxlint-disable no-throw-literal -- handlers may throw whatever they like
const circular = { name: 'circle' };
circular.self = circular;
const thrower = (value) => () => {
  throw value();
};
const bad = () => {
  throw new Error('getter');
};
const withGetter = () => Object.defineProperty(new Error('hidden'), 'message', { get: bad });
const long = 'x'.repeat(5_000_000);

/** What a handler may throw or return. The text in the name is to be found in what is stored of an error. */
export const nasty = {
  'throws undefined': thrower(() => undefined),
  'throws null': thrower(() => null),
  'throws a circular object': thrower(() => circular),
  'throws a BigInt': thrower(() => 10n ** 40n),
  'throws an error with a NUL byte': thrower(() => new Error('before\u0000after')),
  'throws an error with a lone surrogate': thrower(() => new Error('half \ud83d of a pair')),
  'throws an error whose message getter throws': thrower(withGetter),
  'throws an error of 5 MB': thrower(() => new Error(long)),
  'returns undefined': () => undefined,
  'returns null': () => null,
  'returns a circular object': () => circular,
  'returns a BigInt': () => 1n,
  'returns a NUL byte': () => ({ text: 'before\u0000after' }),
  'returns a lone surrogate': () => ({ text: 'half \ud83d of a pair' }),
  'returns an object with a throwing getter': () => ({ get text() { return bad(); } }),
  'returns 5 MB': () => ({ text: long }),
  'never settles': () => new Promise(() => {}),
};
