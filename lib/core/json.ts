import { UnstorableValueError, ValueTooLargeError } from '../errors/enqueue.errors.js';
import { toFailureRecord } from './failure-record.js';

const MAX_DEPTH = 64;
const MAX_SHOWN_KEY = 80;
const LOST_IN_JSON = [Map, Set, Promise, RegExp, Error, ArrayBuffer, BigInt, Symbol];
const BOXED = [Number, String, Boolean];
/** An escape that PostgreSQL's jsonb refuses: NUL, or half of a surrogate pair. */
const REFUSED_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/;
const ADVICE = 'Store the data elsewhere and pass a reference, or raise maxPayloadSize.';

/**
 * Turns a value into JSON text that PostgreSQL's jsonb takes and that reads back as the same value.
 * What JSON would silently change (functions, NaN, a Map) is refused with the path to it; dates
 * become ISO strings and undefined properties are left out, as everywhere in JSON.
 *
 * @throws UnstorableValueError
 * @throws ValueTooLargeError
 */
export function encodeJson(value: unknown, what: string, limitBytes: number, advice: string = ADVICE): string {
  if (value === undefined || value === null) return 'null';
  let text: string;
  try {
    text = JSON.stringify(new Reading(what, limitBytes, advice).copy(value, undefined, '', 0)) ?? 'null';
  } catch (error) {
    if (error instanceof UnstorableValueError || error instanceof ValueTooLargeError) throw error;
    throw new UnstorableValueError(what, `reading it failed with: ${messageOf(error)}`);
  }
  // A UTF-16 unit is at most three bytes, so short texts need no counting.
  if (text.length * 3 > limitBytes) {
    const size = Buffer.byteLength(text);
    if (size > limitBytes) throw new ValueTooLargeError(what, size, limitBytes, advice);
  }
  if (text.includes('\\u') && REFUSED_ESCAPE.test(text)) {
    throw new UnstorableValueError(
      what,
      'a string in it has a NUL character or an unpaired surrogate, which PostgreSQL cannot hold; remove or encode it.',
    );
  }
  return text;
}

/** An object that is being read, in the object that holds it. */
interface Place {
  readonly value: object;
  readonly parent: Place | undefined;
  /** Undefined for what a `toJSON` gave in the place of its object. */
  readonly key: string | number | undefined;
}

/**
 * One reading of one value. It reads everything once, into plain objects, so that what is stored is what was
 * checked, whatever getters and `toJSON` say the next time. It ends when the limit is passed for certain:
 * one object in many places can make a small value endless.
 */
class Reading {
  /** Bytes that the JSON has at least. */
  private size = 0;

  constructor(
    private readonly what: string,
    private readonly limit: number,
    private readonly advice: string,
  ) {}

  copy(value: unknown, parent: Place | undefined, key: string | number, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        this.count(value.length + 2);
        return value;
      case 'boolean':
      case 'undefined':
        return value;
      case 'number':
        if (!Number.isFinite(value)) this.refuse(parent, key, `${value} is not a JSON number.`);
        return value;
      case 'bigint':
        return this.refuse(parent, key, 'JSON has no BigInt; pass it as a string.');
      case 'function':
      case 'symbol':
        return this.refuse(parent, key, `JSON has no ${typeof value}.`);
    }
    if (value === null) return null;
    const object = value as Record<string, unknown>;
    const here = this.enter(object, parent, key, depth);
    const toJson = this.read(object, 'toJSON', parent, key);
    if (typeof toJson !== 'function') return this.copyContents(object, here, depth);
    if (object instanceof Date && Number.isNaN(object.getTime())) this.refuse(parent, key, 'it is an invalid Date.');
    if (Buffer.isBuffer(object)) this.refuse(parent, key, 'JSON would not keep a Buffer; convert it first, for example to base64.');
    const inner = this.callToJson(object, toJson as (key: string) => unknown, parent, key);
    if (typeof inner !== 'object' || inner === null) return this.copy(inner, parent, key, depth);
    if (inner === object) return this.copyContents(object, here, depth);
    return this.copyContents(inner, this.enter(inner, here, undefined, depth), depth);
  }

  private copyContents(value: object, here: Place, depth: number): unknown {
    if (Array.isArray(value)) return this.copyArray(value, here, depth);
    if (Object.getPrototypeOf(value) !== Object.prototype) {
      if (isLostInJson(value)) {
        this.refuse(here.parent, here.key, `JSON would not keep a ${value.constructor.name}; convert it first.`);
      }
      if (BOXED.some((type) => value instanceof type)) return this.copy(value.valueOf(), here.parent, here.key ?? '', depth);
    }
    this.count(2);
    const copied: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      const inner = this.copy(this.read(value, key, here, key), here, key, depth + 1);
      if (inner === undefined) continue;
      this.count(key.length + 3);
      if (key === '__proto__') Object.defineProperty(copied, key, { value: inner, enumerable: true });
      else copied[key] = inner;
    }
    return copied;
  }

  private copyArray(value: unknown[], here: Place, depth: number): unknown[] {
    const { length } = value;
    this.count(length + 1);
    const copied: unknown[] = [];
    for (let index = 0; index < length; index++) {
      const inner = this.copy(this.read(value, index, here, index), here, index, depth + 1) ?? null;
      if (inner === null) this.count(3);
      copied.push(inner);
    }
    return copied;
  }

  private enter(value: object, parent: Place | undefined, key: string | number | undefined, depth: number): Place {
    if (depth >= MAX_DEPTH) this.refuse(parent, key, `it is nested more than ${MAX_DEPTH} levels deep.`);
    for (let above = parent; above; above = above.parent) {
      if (above.value === value) this.refuse(parent, key, 'it contains itself.');
    }
    return { value, parent, key };
  }

  private read(object: object, name: string | number, parent: Place | undefined, key: string | number): unknown {
    try {
      return (object as Record<string | number, unknown>)[name];
    } catch (error) {
      this.refuse(parent, key, `reading it failed with: ${messageOf(error)}`);
    }
  }

  private callToJson(object: object, toJson: (key: string) => unknown, parent: Place | undefined, key: string | number): unknown {
    try {
      return toJson.call(object, String(key));
    } catch (error) {
      this.refuse(parent, key, `its toJSON failed with: ${messageOf(error)}`);
    }
  }

  private count(bytes: number): void {
    this.size += bytes;
    if (this.size > this.limit) throw new ValueTooLargeError(this.what, this.size, this.limit, this.advice, 'bytes or more');
  }

  private refuse(parent: Place | undefined, key: string | number | undefined, reason: string): never {
    let path = parent && key !== undefined ? step(key) : '';
    for (let place = parent; place?.parent; place = place.parent) {
      if (place.key !== undefined) path = step(place.key) + path;
    }
    throw new UnstorableValueError(this.what + path, reason);
  }
}

/** What JSON turns into `{}` or a list of numbers without a word; a promise is a forgotten await. */
function isLostInJson(value: object): boolean {
  return LOST_IN_JSON.some((type) => value instanceof type) || ArrayBuffer.isView(value);
}

function step(key: string | number): string {
  if (typeof key === 'number') return `[${key}]`;
  return `.${key.length > MAX_SHOWN_KEY ? `${key.slice(0, MAX_SHOWN_KEY)}…` : key}`;
}

function messageOf(error: unknown): string {
  return toFailureRecord(error).message;
}
