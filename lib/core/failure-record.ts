import { describeObject } from '../errors/configuration.errors.js';
import type { FailureRecord } from '../interfaces/job-record.interface.js';

const MAX_MESSAGE = 4_000;
const MAX_STACK = 16_000;
const MAX_CAUSES = 5;

/**
 * Turns whatever a handler threw into a record that PostgreSQL can store. It never throws: this is
 * the path on which a failing job is settled, and peers left jobs stuck here on a NUL byte, on
 * `throw undefined` and on an error whose getter throws.
 */
export function toFailureRecord(thrown: unknown, depth = 0): FailureRecord {
  if (typeof thrown !== 'object' || thrown === null) {
    return { name: 'NonError', message: storable(() => `Thrown value: ${String(thrown)}`, MAX_MESSAGE) };
  }
  const error = thrown as Record<string, unknown>;
  const record: FailureRecord = {
    name: storable(() => text(attempt(() => error['name'])) || text(attempt(() => error.constructor.name)) || 'Error', 200),
    message: storable(() => (typeof error['message'] === 'string' ? error['message'] : shown(thrown)), MAX_MESSAGE),
  };
  const code = attempt(() => error['code']);
  if (typeof code === 'string' || typeof code === 'number') record.code = storable(() => String(code), 200);
  const stack = attempt(() => error['stack']);
  if (typeof stack === 'string') record.stack = storable(() => stack, MAX_STACK);
  const cause = attempt(() => error['cause']);
  if (cause !== undefined && cause !== null && depth < MAX_CAUSES) {
    record.cause = toFailureRecord(cause, depth + 1);
  }
  return record;
}

function storable(produce: () => string, limit: number): string {
  const value = attempt(produce) ?? 'unprintable';
  const short = value.length > limit ? `${value.slice(0, limit - 1)}…` : value;
  return short.toWellFormed().replaceAll('\u0000', '\uFFFD');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function shown(value: object): string {
  return attempt(() => describeObject(value, MAX_MESSAGE)) ?? 'unprintable';
}

function attempt<T>(produce: () => T): T | undefined {
  try {
    return produce();
  } catch {
    return undefined;
  }
}
