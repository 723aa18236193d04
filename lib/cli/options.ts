import { InvalidArgumentError, Option } from 'commander';
import { assertSchemaName, DEFAULT_SCHEMA } from '../core/schema-name.js';
import { InvalidOptionError } from '../errors/configuration.errors.js';

/** Options that every command on a database has. */
export interface DatabaseOptions {
  readonly schema: string;
  readonly url?: string;
}

export function schemaOption(): Option {
  return new Option('--schema <name>', 'schema of the tables').default(DEFAULT_SCHEMA).argParser(parseSchema);
}

export function urlOption(): Option {
  return new Option('--url <url>', 'database URL (default: NOTIFY_QUEUE_DATABASE_URL, else DATABASE_URL)');
}

function parseSchema(value: string): string {
  try {
    assertSchemaName(value);
  } catch (error) {
    throw error instanceof InvalidOptionError ? new InvalidArgumentError(`Expected ${error.expected}.`) : error;
  }
  return value;
}
