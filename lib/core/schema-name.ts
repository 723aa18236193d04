import { createHash } from 'node:crypto';
import { InvalidOptionError } from '../errors/configuration.errors.js';

export const DEFAULT_SCHEMA = 'notify_queue';
const SCHEMA_EXPECTED =
  "a PostgreSQL schema name: 1 to 63 bytes, without control characters, '.' or '$$', not starting with 'pg_'";

/** The notification channels of one installation. */
export interface Channels {
  /** Payload: the name of a queue in which work has come in. */
  readonly jobs: string;
  /** Payload: the key of a config row that changed; empty for all of them. */
  readonly configs: string;
  /** Payload: the id of a watched job that changed, or of a running job to be aborted. */
  readonly signals: string;
  /** Payload: JSON of job events that one process tells all. */
  readonly events: string;
}

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;

function isSchemaName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.isWellFormed() &&
    !CONTROL.test(value) &&
    // TypeORM splits the names of tables at dots.
    !value.includes('.') &&
    // The bodies of our functions stand between two of these.
    !value.includes('$$') &&
    !value.startsWith('pg_') &&
    Buffer.byteLength(value) <= 63
  );
}

/** @throws InvalidOptionError */
export function assertSchemaName(value: unknown): asserts value is string {
  if (!isSchemaName(value)) throw new InvalidOptionError('schema', value, SCHEMA_EXPECTED);
}

/** Quotes a checked name for use as an identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a checked text for use as a literal in DDL, where nothing can be bound. */
export function quoteLiteral(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/**
 * Channel names carry the schema, so that two installations in one database never wake each other.
 * PostgreSQL cuts `LISTEN` names at 63 bytes but refuses longer ones in `pg_notify`: long schema
 * names are hashed, so that both sides always agree.
 */
export function channelsOf(schema: string): Channels {
  const prefix =
    Buffer.byteLength(schema) <= 40
      ? schema
      : `notify_queue_${createHash('sha256').update(schema).digest('hex').slice(0, 24)}`;
  return { jobs: `${prefix}.jobs`, configs: `${prefix}.configs`, signals: `${prefix}.signals`, events: `${prefix}.events` };
}

/** The same as literals. */
export function quotedChannelsOf(schema: string): Channels {
  const { jobs, configs, signals, events } = channelsOf(schema);
  return { jobs: quoteLiteral(jobs), configs: quoteLiteral(configs), signals: quoteLiteral(signals), events: quoteLiteral(events) };
}
