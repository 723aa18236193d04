import { InvalidArgumentError } from '../errors/enqueue.errors.js';
import { describe } from '../errors/configuration.errors.js';

const MAX_NAME_BYTES = 200;
export const NAME_EXPECTED = `a non-blank string of at most ${MAX_NAME_BYTES} bytes without control characters`;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Queue names, job names and config keys are data, never SQL; they also travel as notification payloads. */
export function isName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.trim() !== '' &&
    value.isWellFormed() &&
    !CONTROL.test(value) &&
    Buffer.byteLength(value) <= MAX_NAME_BYTES
  );
}

/** @throws InvalidArgumentError */
export function assertName(argument: string, value: unknown): asserts value is string {
  if (!isName(value)) throw new InvalidArgumentError(argument, NAME_EXPECTED, describe(value));
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isId(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

/** @throws InvalidArgumentError */
export function assertId(argument: string, value: unknown): asserts value is string {
  if (!isId(value)) throw new InvalidArgumentError(argument, 'a UUID', describe(value));
}
