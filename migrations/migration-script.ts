import { createHash } from 'node:crypto';
import { DEFAULT_SCHEMA, quotedChannelsOf, quoteIdentifier, quoteLiteral, type Channels } from '../lib/core/schema-name.js';

/** The names that DDL is written with, checked and quoted. */
export interface Names {
  /** The quoted schema. */
  readonly schema: string;
  /** The schema as a literal. */
  readonly schemaLiteral: string;
  /** The table that records the steps applied. */
  readonly ledger: string;
  /** Channel names as literals. */
  readonly channels: Channels;
}

/** One step of the schema's history. Once released it is never edited; a change is a new step. */
export interface MigrationScript {
  readonly version: number;
  /** A word and a timestamp of 13 digits, as TypeORM demands. */
  readonly name: string;
  readonly up: (names: Names) => string;
  readonly down: (names: Names) => string;
}

export const LEDGER_TABLE = 'job_migrations';

export function namesOf(schema: string): Names {
  return {
    schema: quoteIdentifier(schema),
    schemaLiteral: quoteLiteral(schema),
    ledger: `${quoteIdentifier(schema)}.${LEDGER_TABLE}`,
    channels: quotedChannelsOf(schema),
  };
}

const SNAKE_CASE = /^[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*$/;

/**
 * The step's name in TypeORM's own table, which applications of one database may share: it tells
 * schemas apart, so that the second one is not taken for applied. Also a valid name of a class.
 */
export function typeormNameOf({ name }: MigrationScript, schema: string): string {
  if (schema === DEFAULT_SCHEMA) return name;
  const words = schema.split(/[^A-Za-z0-9]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  const hash = SNAKE_CASE.test(schema) ? '' : `_${createHash('sha256').update(schema).digest('hex').slice(0, 8)}_`;
  return name.replace(/(?=\d{13}$)/, `In${words.join('')}${hash}`);
}
