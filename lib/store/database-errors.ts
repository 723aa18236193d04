import { refusalOf } from '../core/refusal.js';
import { MigrationsPendingError } from '../errors/configuration.errors.js';
import { DatabaseUnavailableError } from '../errors/database.errors.js';

/** Classes and codes of SQLSTATE after which the connection is of no use. */
const CONNECTION_STATES = /^(?:08...|57P0[1-5]|25006|53300)$/;
const NETWORK_CODES = /^(?:E(?:CONN|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH))/;
const LOST_TEXT =
  /Connection terminated|connection error|not queryable|Query read timeout|timeout exceeded when trying to connect|Connection ended/i;
const RETRYABLE_STATES = new Set(['40001', '40P01', '55P03']);
const MISSING_TABLE_STATES = new Set(['42P01', '3F000', '42883', '42703']);
const ADVICE: Readonly<Record<string, string>> = {
  '25006': 'It is a standby, or set to read-only; the queue needs the primary.',
  '53100': 'Its disk is full.',
  '53300': 'Other clients have taken all connections: see its max_connections, and the pool sizes of your processes.',
};

interface DriverError {
  code?: string;
  constraint?: string;
  message?: string;
}

export function isConnectionError(error: unknown): boolean {
  if (error instanceof DatabaseUnavailableError) return true;
  const { code = '', message = '' } = asDriverError(error);
  if (error instanceof AggregateError) return error.errors.some(isConnectionError);
  return CONNECTION_STATES.test(code) || NETWORK_CODES.test(code) || LOST_TEXT.test(message);
}

const CHECK_VIOLATION = '23514';

/**
 * A serialization failure, deadlock or lock timeout: the same statement may be sent again. So may one that found the row in
 * the wrong partition, which has no constraint of a name: the right one was made meanwhile.
 */
export function isRetryable(error: unknown): boolean {
  const { code, constraint } = asDriverError(error);
  return RETRYABLE_STATES.has(code ?? '') || (code === CHECK_VIOLATION && !constraint);
}

/**
 * The error that a caller sees. Only what the driver reports of itself is kept: server errors echo
 * parameters in `detail` and `where`, which may be secret.
 */
export function toQueueError(error: unknown, doing: string): unknown {
  const { code, message } = asDriverError(error);
  if (refusalOf(error)) {
    const advice = adviceOn(error);
    return new DatabaseUnavailableError(
      `PostgreSQL cannot work for the moment: ${message} (while ${doing}).${advice && ` ${advice}`} Nothing was changed.`,
      { cause: error, mayHaveRun: false },
    );
  }
  if (isConnectionError(error)) {
    return error instanceof DatabaseUnavailableError
      ? error
      : new DatabaseUnavailableError(
          `PostgreSQL was not reachable while ${doing}: ${message || code || 'connection lost'}. ` +
            'Check that the server is up; the queue reconnects by itself.',
          { cause: error, mayHaveRun: true },
        );
  }
  if (MISSING_TABLE_STATES.has(code ?? '')) {
    return new MigrationsPendingError(
      `The queue's tables are missing or of another version (${message}). ` +
        "Run its migrations: `npx notify-queue migrate`, or NotifyQueueModule.forRoot({ migrations: 'run' }).",
      { cause: error },
    );
  }
  return error;
}

/** What the driver said, without TypeORM's wrapping. */
export function driverErrorOf(error: unknown): unknown {
  return (error as { driverError?: unknown } | undefined)?.driverError ?? error;
}

/** What to do about an error by which PostgreSQL refuses to work; empty when there is nothing to say. */
export function adviceOn(error: unknown): string {
  return ADVICE[refusalOf(error) ?? ''] ?? '';
}

function asDriverError(error: unknown): DriverError {
  return typeof error === 'object' && error !== null ? (error as DriverError) : {};
}
