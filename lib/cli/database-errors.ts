import { MigrationsPendingError } from '../errors/configuration.errors.js';
import { DatabaseUnavailableError } from '../errors/database.errors.js';
import { NotifyQueueError } from '../errors/notify-queue.error.js';
import { CliError, oneLine } from './cli-error.js';

const DUPLICATE_OBJECT_STATES = new Set(['42P07', '42723', '42710', '42P06']);

/** The line that tells a user of the command line what went wrong with the database. */
export function explainDatabaseError(error: unknown, url: string): unknown {
  if (error instanceof CliError) return error;
  const known = error instanceof DatabaseUnavailableError || (error instanceof MigrationsPendingError && error.cause !== undefined);
  if (error instanceof NotifyQueueError && !known) return error;
  const cause = known ? (error.cause ?? error) : error;
  const line = lineOf(cause, readTarget(url));
  return line === undefined ? error : new CliError(line, { cause });
}

interface Target {
  readonly server: string;
  readonly user: string;
  readonly database: string;
}

function lineOf(error: unknown, { server, user, database }: Target): string | undefined {
  const { code } = error as { code?: string };
  const reason = oneLine(error);
  switch (code) {
    case '28P01':
    case '28000':
      return `PostgreSQL at ${server} refused ${user}: ${reason}. Check user and password in the database URL.`;
    case '3D000':
      return `PostgreSQL at ${server} has no database ${database}. Create it, or correct the database URL.`;
    case '42501':
      return (
        `${user} may not do this in database ${database}: ${reason}. ` +
        (reason.includes('for database')
          ? `Run GRANT CREATE ON DATABASE ${database} TO ${user}; as its owner, or let the owner run the output of \`npx notify-queue sql\`.`
          : 'Connect as the owner of the schema, or let the owner grant it.')
      );
  }
  if (code !== undefined && DUPLICATE_OBJECT_STATES.has(code)) {
    return `The schema holds something else of the same name: ${reason}. Choose another schema with --schema.`;
  }
  // SQLSTATEs have five characters; everything else comes from this side of the connection.
  if (code !== undefined && /^(?!08|57P|53300)[0-9A-Z]{5}$/.test(code)) {
    return `PostgreSQL refused this (SQLSTATE ${code}): ${reason}.`;
  }
  const why = oneLine(error) === 'AggregateError' && code ? code : reason;
  return `PostgreSQL cannot be reached at ${server}: ${why}. Check that it is up and that the database URL names it.`;
}

function readTarget(url: string): Target {
  const { hostname, port, username, pathname } = new URL(url);
  const quoted = (text: string): string => `"${decodeURIComponent(text).replaceAll('"', '""')}"`;
  return {
    server: `${hostname || 'localhost'}:${port || 5432}`,
    user: username ? quoted(username) : 'this user',
    database: quoted(pathname.slice(1) || username),
  };
}
