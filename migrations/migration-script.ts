import { channelsOf, quoteIdentifier, quoteLiteral, type Channels } from '../lib/core/schema-name.js';

/** The names that DDL is written with, checked and quoted. */
export interface Names {
  /** The quoted schema. */
  readonly schema: string;
  /** The schema as a literal. */
  readonly schemaLiteral: string;
  /** Channel names as literals. */
  readonly channels: Channels;
}

/** One step of the schema's history. Once released it is never edited; a change is a new step. */
export interface MigrationScript {
  readonly version: number;
  /** Name in TypeORM's own table: a word and a timestamp. */
  readonly name: string;
  readonly up: (names: Names) => string;
  readonly down: (names: Names) => string;
}

export function namesOf(schema: string): Names {
  const channels = channelsOf(schema);
  return {
    schema: quoteIdentifier(schema),
    schemaLiteral: quoteLiteral(schema),
    channels: {
      jobs: quoteLiteral(channels.jobs),
      configs: quoteLiteral(channels.configs),
      signals: quoteLiteral(channels.signals),
    },
  };
}
