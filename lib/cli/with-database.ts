import { Database } from '../store/database.js';
import { CliError } from './cli-error.js';
import { explainDatabaseError } from './database-errors.js';

const URL_EXPECTED = 'postgres://user:password@host:5432/database';
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Lends the database of the URL, or of the environment, to one command.
 *
 * @throws CliError
 */
export async function withDatabase<T>(urlOption: string | undefined, work: (database: Database) => Promise<T>): Promise<T> {
  const url = databaseUrl(urlOption);
  const database = new Database({
    connection: { connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS },
    // A migration of a large table, or waiting for another installer, may take any time.
    queryTimeoutMs: 0,
    onIdleError: () => undefined,
  });
  try {
    return await work(database);
  } catch (error) {
    throw explainDatabaseError(error, url);
  } finally {
    await database.close();
  }
}

/** @throws CliError */
export function databaseUrl(option: string | undefined): string {
  const { NOTIFY_QUEUE_DATABASE_URL, DATABASE_URL } = process.env;
  if (option !== undefined && option.trim() === '') throw new CliError(`--url is empty; expected ${URL_EXPECTED}.`);
  const url = option || NOTIFY_QUEUE_DATABASE_URL || DATABASE_URL;
  if (!url) {
    throw new CliError(`No database URL. Pass --url ${URL_EXPECTED}, or set NOTIFY_QUEUE_DATABASE_URL or DATABASE_URL.`);
  }
  // The URL may hold a password: it is never shown.
  if (!/^postgres(?:ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw new CliError(
      `The database URL cannot be read; expected ${URL_EXPECTED}, with special characters in the password percent-encoded.`,
    );
  }
  return url;
}
