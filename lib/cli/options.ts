import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration, DURATION_EXPECTED } from '../core/duration.js';
import { assertSchemaName, DEFAULT_SCHEMA } from '../core/schema-name.js';
import { InvalidOptionError } from '../errors/configuration.errors.js';

/** Options that every command on a database has. */
export interface DatabaseOptions {
  readonly schema: string;
  readonly url?: string;
}

/** What every command that answers something can print it as. */
export interface OutputOptions {
  readonly json: boolean;
}

/** A command on a database, with the options and the help that all of them have. */
export function databaseCommand(name: string, description: string, help: string): Command {
  return new Command(name)
    .description(description)
    .addOption(urlOption())
    .addOption(schemaOption())
    .addOption(jsonOption())
    .addHelpText('after', `\n${help}`);
}

export function jsonOption(): Option {
  return new Option('--json', 'print JSON').default(false);
}

export function schemaOption(): Option {
  return new Option('--schema <name>', 'schema of the tables').default(DEFAULT_SCHEMA).argParser(parseSchema);
}

export function urlOption(): Option {
  return new Option('--url <url>', 'database URL (default: NOTIFY_QUEUE_DATABASE_URL, else DATABASE_URL)');
}

/** For an option or argument that is a duration; it stays the text that it was. */
export function parseDurationText(value: string): string {
  if (parseDuration(value) === undefined) throw new InvalidArgumentError(`Expected ${DURATION_EXPECTED}.`);
  return value;
}

export function parseInteger(minimum: number, maximum: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!/^-?\d+$/.test(value) || number < minimum || number > maximum) throw new InvalidArgumentError(`Expected an integer from ${minimum} to ${maximum}.`);
    return number;
  };
}

/** Any JSON value. */
export function parseJson(value: string): unknown {
  const numbers = value.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').match(/-?\d[\d.eE+-]*/g) ?? [];
  const lost = numbers.find((number) => /^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number)));
  if (lost !== undefined) throw new InvalidArgumentError(`${lost} is a number that JavaScript cannot hold. Write it as a text.`);
  try {
    return JSON.parse(value);
  } catch {
    throw new InvalidArgumentError(`Expected JSON, such as '{"orderId":7}'.`);
  }
}

function parseSchema(value: string): string {
  try {
    assertSchemaName(value);
  } catch (error) {
    throw error instanceof InvalidOptionError ? new InvalidArgumentError(`Expected ${error.expected}.`) : error;
  }
  return value;
}
