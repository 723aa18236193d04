import { NotifyQueueError } from './notify-queue.error.js';

/** A module, queue, definition or handler option is unknown or has a bad value. */
export class InvalidOptionError extends NotifyQueueError {
  readonly code = 'INVALID_OPTION';

  constructor(
    /** Dotted path of the option, for example `queues.mail.concurrency`. */
    readonly option: string,
    readonly value: unknown,
    /** What would have been accepted. */
    readonly expected: string,
  ) {
    super(`Option '${shorten(option, MAX_SHOWN_PATH)}' is ${describe(value)}; expected ${expected}.`);
  }
}

/** Two methods claim one job name, or one job name is claimed for two queues. */
export class HandlerConflictError extends NotifyQueueError {
  readonly code = 'HANDLER_CONFLICT';
}

/** A `@JobHandler` cannot be served as it is declared. */
export class InvalidHandlerError extends NotifyQueueError {
  readonly code = 'INVALID_HANDLER';
}

/** A job is sent to a queue that is not configured while `allowUnknownQueues` is false. */
export class UnknownQueueError extends NotifyQueueError {
  readonly code = 'UNKNOWN_QUEUE';
}

/** The tables are missing or older than this version of the package needs. */
export class MigrationsPendingError extends NotifyQueueError {
  readonly code = 'MIGRATIONS_PENDING';
}

/** The tables are newer than this version of the package knows. */
export class SchemaTooNewError extends NotifyQueueError {
  readonly code = 'SCHEMA_TOO_NEW';
}

/** The queue's entities are not among the entities of the TypeORM data source. */
export class EntitiesNotRegisteredError extends NotifyQueueError {
  readonly code = 'ENTITIES_NOT_REGISTERED';
}

/** The data source is not a PostgreSQL one. */
export class UnsupportedDatabaseError extends NotifyQueueError {
  readonly code = 'UNSUPPORTED_DATABASE';
}

/** Two `NotifyQueueModule.forRoot` run in one application. */
export class DuplicateModuleError extends NotifyQueueError {
  readonly code = 'DUPLICATE_MODULE';
}

const MAX_SHOWN = 80;
const MAX_SHOWN_PATH = 400;
/** Values of an object that are looked at: one object in many places can make a small one endless. */
const MAX_LOOKED_AT = 1_000;

/** Shows a value in an error text: short, quoted, never throwing. */
export function describe(value: unknown): string {
  try {
    if (typeof value === 'string') return `'${shorten(value)}'`;
    if (typeof value === 'function') return `the function ${shorten(String(value.name || '(anonymous)'))}`;
    if (typeof value === 'bigint') return `${shorten(String(value))}n`;
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
    if (typeof value !== 'object' || value === null) return shorten(String(value));
    return describeObject(value);
  } catch {
    return 'an unreadable value';
  }
}

/** An object as JSON, or what kind of object it is. @throws whatever its proxy throws */
export function describeObject(value: object, maxChars: number = MAX_SHOWN): string {
  let left = MAX_LOOKED_AT;
  try {
    const text = JSON.stringify(value, (_, inner: unknown) => {
      if (left-- === 0) throw new RangeError('There is too much of it to show');
      return typeof inner === 'string' ? inner.slice(0, maxChars) : inner;
    });
    return shorten(text, maxChars);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function shorten(text: string, maxChars: number = MAX_SHOWN): string {
  return text.length > maxChars ? `${text.slice(0, maxChars - 3)}...` : text;
}
