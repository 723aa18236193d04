import { createHash } from 'node:crypto';
import { InvalidOptionError } from '../errors/configuration.errors.js';
import type { UniqueOptions } from '../interfaces/enqueue.interface.js';
import type { UniqueKey } from '../interfaces/ports/index.js';
import { isName, NAME_EXPECTED } from './names.js';
import { OptionReader } from './option-reader.js';
import { isArray } from './peek.js';

/** `UniqueOptions`, checked. */
export interface UniqueRule {
  readonly key: string | undefined;
  readonly by: readonly string[] | undefined;
  readonly until: 'started' | 'finished';
  readonly forMs: number | null;
  readonly onConflict: UniqueKey['onConflict'];
}

const MAX_FIELDS = 20;
const FIELDS_EXPECTED = `an array of 1 to ${MAX_FIELDS} names of fields of the payload`;

/** Option `unique`; null where it is switched off. @throws InvalidOptionError */
export function readUnique(reader: OptionReader): UniqueRule | null | undefined {
  const raw = reader.raw('unique');
  if (raw === undefined) return undefined;
  if (raw === false) return null;
  const inner = new OptionReader(raw as UniqueOptions, reader.name('unique'));
  const rule = {
    key: inner.value<string | undefined>('key', undefined, NAME_EXPECTED, (value) => (isName(value) ? value : undefined)),
    by: inner.value<readonly string[] | undefined>('by', undefined, FIELDS_EXPECTED, (value) =>
      isArray(value) && value.length > 0 && value.length <= MAX_FIELDS && value.every((field) => typeof field === 'string') ? [...(value as string[])] : undefined,
    ),
    until: inner.oneOf('until', 'finished', ['started', 'finished']),
    forMs: inner.raw('for') === undefined ? null : inner.duration('for', 0, 1),
    onConflict: inner.oneOf('onConflict', 'keep', ['keep', 'replace', 'postpone', 'again']),
  };
  inner.done();
  const refuse = (key: string, expected: string): never => {
    throw new InvalidOptionError(inner.name(key), inner.source[key], expected);
  };
  if (rule.key !== undefined && rule.by) refuse('by', 'only one of key and by');
  if (rule.forMs !== null && inner.source['until'] !== undefined) refuse('until', 'only one of until and for');
  if (rule.onConflict === 'again' && (rule.forMs !== null || rule.until === 'started')) refuse('onConflict', "'again' only with until: 'finished'");
  return Object.freeze(rule);
}

/** What tells a job from others of its kind. Fields of payloads are not shown, only compared. */
export function uniqueKeyOf({ key, by, until, forMs, onConflict }: UniqueRule, name: string, payloadJson: string): UniqueKey {
  const scope = forMs !== null ? 'w' : until === 'started' ? 's' : 'f';
  return { key: `${scope}:${name}\n${key ?? digest(by, JSON.parse(payloadJson))}`, forMs, onConflict };
}

function digest(by: readonly string[] | undefined, payload: unknown): string {
  const fields = (payload ?? {}) as Record<string, unknown>;
  const compared = by ? by.map((field) => (Object.hasOwn(fields, field) ? fields[field] : null)) : payload;
  return createHash('sha256').update(JSON.stringify(inOrder(compared))).digest('base64url');
}

/** Keys of objects have no order. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return { entries: entries.map(([key, inner]) => [key, inOrder(inner)]) };
}
