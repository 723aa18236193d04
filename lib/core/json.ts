import { UnstorableValueError, ValueTooLargeError } from '../errors/enqueue.errors.js';

const MAX_DEPTH = 64;
const LOST_IN_JSON = [Map, Set, Promise, RegExp, Error, ArrayBuffer];
/** An escape that PostgreSQL's jsonb refuses: NUL, or half of a surrogate pair. */
const REFUSED_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/;

/**
 * Turns a value into JSON text that PostgreSQL's jsonb takes and that reads back as the same value.
 * What JSON would silently change (functions, NaN, a Map) is refused with the path to it; dates
 * become ISO strings and undefined properties are left out, as everywhere in JSON.
 *
 * @throws UnstorableValueError
 * @throws ValueTooLargeError
 */
export function encodeJson(value: unknown, what: string, limitBytes: number): string {
  if (value === undefined || value === null) return 'null';
  let text: string;
  try {
    check(value, what, 0, undefined);
    text = JSON.stringify(value) ?? 'null';
  } catch (error) {
    if (error instanceof UnstorableValueError) throw error;
    throw new UnstorableValueError(what, `reading it failed with: ${messageOf(error)}`);
  }
  // A UTF-16 unit is at most three bytes, so short texts need no counting.
  if (text.length * 3 > limitBytes) {
    const size = Buffer.byteLength(text);
    if (size > limitBytes) {
      throw new ValueTooLargeError(
        what,
        size,
        limitBytes,
        'Store the data elsewhere and pass a reference, or raise maxPayloadSize.',
      );
    }
  }
  if (text.includes('\\u') && REFUSED_ESCAPE.test(text)) {
    throw new UnstorableValueError(
      what,
      'a string in it has a NUL character or an unpaired surrogate, which PostgreSQL cannot hold; remove or encode it.',
    );
  }
  return text;
}

interface Ancestors {
  readonly value: object;
  readonly parent: Ancestors | undefined;
}

function check(value: unknown, path: string, depth: number, ancestors: Ancestors | undefined): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return;
    case 'number':
      if (!Number.isFinite(value)) refuse(path, `${value} is not a JSON number.`);
      return;
    case 'bigint':
      return refuse(path, 'JSON has no BigInt; pass it as a string.');
    case 'function':
    case 'symbol':
      return refuse(path, `JSON has no ${typeof value}.`);
  }
  if (value === null) return;
  if (depth >= MAX_DEPTH) refuse(path, `it is nested more than ${MAX_DEPTH} levels deep.`);
  for (let above = ancestors; above; above = above.parent) {
    if (above.value === value) refuse(path, 'it contains itself.');
  }
  const here = { value: value as object, parent: ancestors };
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) check(value[index], `${path}[${index}]`, depth + 1, here);
    return;
  }
  const object = value as Record<string, unknown>;
  if (typeof object['toJSON'] === 'function') return checkToJson(object, path, depth, here);
  if (isLostInJson(object)) refuse(path, `JSON would not keep a ${object.constructor.name}; convert it first.`);
  for (const key of Object.keys(object)) check(read(object, key, path), `${path}.${key}`, depth + 1, here);
}

/** What JSON turns into `{}` or a list of numbers without a word; a promise is a forgotten await. */
function isLostInJson(value: object): boolean {
  if (Object.getPrototypeOf(value) === Object.prototype) return false;
  return LOST_IN_JSON.some((type) => value instanceof type) || ArrayBuffer.isView(value);
}

function checkToJson(object: Record<string, unknown>, path: string, depth: number, here: Ancestors): void {
  if (object instanceof Date) {
    if (Number.isNaN(object.getTime())) refuse(path, 'it is an invalid Date.');
    return;
  }
  if (Buffer.isBuffer(object)) refuse(path, 'JSON would not keep a Buffer; convert it first, for example to base64.');
  let inner: unknown;
  try {
    inner = (object['toJSON'] as () => unknown)();
  } catch (error) {
    refuse(path, `its toJSON failed with: ${messageOf(error)}`);
  }
  if (inner !== object) check(inner, path, depth + 1, here);
}

function read(object: Record<string, unknown>, key: string, path: string): unknown {
  try {
    return object[key];
  } catch (error) {
    refuse(`${path}.${key}`, `reading it failed with: ${messageOf(error)}`);
  }
}

function refuse(path: string, reason: string): never {
  throw new UnstorableValueError(path, reason);
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'an unprintable error';
  }
}
