import { quotedChannelsOf, quoteIdentifier, type Channels } from '../core/schema-name.js';

/**
 * One statement, one round trip. The text is static but for the schema and channel names, which are
 * checked and quoted; every value is bound. Results are cast so that they read the same through any
 * type parser: numbers by `Number()`, everything else as text, and no booleans.
 *
 * Sessions of our own look names up in pg_catalog. Those of callers look them up wherever theirs is set to, so
 * statements that may run there say where each function, operator and type is.
 */
export interface Statement {
  /** Name of the prepared statement. */
  readonly name: string;
  readonly text: string;
  /** Settings of the planner for this statement alone, which is planned for the values of each call. */
  readonly planning?: readonly string[];
}

/** The names that statements are written with. */
export interface StatementNames {
  /** The quoted schema. */
  readonly schema: string;
  /** Channel names as literals. */
  readonly channels: Channels;
}

export function statementNames(schema: string): StatementNames {
  return { schema: quoteIdentifier(schema), channels: quotedChannelsOf(schema) };
}

/** Milliseconds since 1970 of a timestamp column, as a float. */
export function epochMs(column: string): string {
  return `(extract(epoch FROM ${column}) OPERATOR(pg_catalog.*) 1000)::pg_catalog.float8`;
}

/** An instant that is `expression` milliseconds from now; infinite milliseconds are for ever. */
export function fromNow(expression: string): string {
  return `CASE WHEN ${expression} = 'Infinity' THEN 'infinity'::timestamptz
    ELSE statement_timestamp() + make_interval(secs => ${expression} / 1000) END`;
}
