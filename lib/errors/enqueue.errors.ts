import { NotifyQueueError } from './notify-queue.error.js';

/** A payload, result, progress or failure state that JSON or PostgreSQL cannot hold. */
export class UnstorableValueError extends NotifyQueueError {
  readonly code = 'UNSTORABLE_VALUE';

  constructor(
    /** Where the bad value stands, for example `payload.items[3].price`. */
    readonly path: string,
    reason: string,
  ) {
    super(`${path} cannot be stored: ${reason}`);
  }
}

/** A payload, result, progress value, config value or bulk call past its size limit. */
export class ValueTooLargeError extends NotifyQueueError {
  readonly code = 'VALUE_TOO_LARGE';

  constructor(
    readonly what: string,
    /** What it has at least: counting ends where the limit is passed for certain. */
    readonly size: number,
    readonly limit: number,
    advice: string,
    unit = 'bytes',
  ) {
    super(`${what} has ${size} ${unit}; the limit is ${limit}. ${advice}`);
  }
}

/** One thing that a schema has against a payload. */
export interface PayloadIssue {
  /** Where, such as `items.3.price`; empty for the payload itself. */
  readonly path: string;
  readonly message: string;
}

/** The schema of a definition refuses a payload; nothing was stored. */
export class InvalidPayloadError extends NotifyQueueError {
  readonly code = 'INVALID_PAYLOAD';

  constructor(
    readonly issues: readonly PayloadIssue[],
    shown: string,
  ) {
    super(`The payload was refused: ${shown}`);
  }
}

/** An argument of a call that is not what the call takes: a bad id, delay, date, name, priority. */
export class InvalidArgumentError extends NotifyQueueError {
  readonly code = 'INVALID_ARGUMENT';

  constructor(
    readonly argument: string,
    readonly expected: string,
    shown: string,
  ) {
    super(`'${argument}' is ${shown}; expected ${expected}.`);
  }
}

/**
 * The connection was lost between sending an insert and hearing of its commit, so the jobs may or
 * may not be stored. Enqueue again with the same ids (`{ id }`) to be sure: an id that exists is
 * not stored twice.
 */
export class EnqueueOutcomeUnknownError extends NotifyQueueError {
  readonly code = 'ENQUEUE_OUTCOME_UNKNOWN';

  constructor(
    readonly ids: readonly string[],
    cause: unknown,
  ) {
    super(
      `The connection was lost while ${ids.length} job(s) were being stored, so they may or may not exist. ` +
        'Repeat the call with the same ids: { id } makes a repetition harmless.',
      { cause },
    );
  }
}
