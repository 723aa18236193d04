import { channelsOf } from '../../lib/core/schema-name.js';
import type { TestDatabase } from './database.js';

type Queryable = Pick<TestDatabase, 'query'>;

/**
 * Everything in a schema, as text that PostgreSQL 15 to 18 write alike: the catalog's own rendering,
 * without what differs between versions. The schema's name is replaced, so that dumps of two schemas
 * can be compared. Partitions that were made at run time are left out.
 */
export async function dumpSchema(database: Queryable, schema = 'notify_queue'): Promise<string> {
  const sections: string[] = [];
  for (const [title, sql] of Object.entries(QUERIES)) {
    const rows = await database.query<{ line: string }>(sql, [schema]);
    const lines = rows.map(({ line }) => normalise(line, schema)).sort();
    sections.push(`-- ${title}\n${lines.join('\n')}\n`);
  }
  return sections.join('\n');
}

/** The names of all that a schema holds: empty when there is nothing, or no schema. */
export async function listSchema(database: Queryable, schema = 'notify_queue'): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `SELECT 'schema' AS name FROM pg_namespace WHERE nspname = $1
     UNION ALL SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident($1))
     UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace(quote_ident($1))
     ORDER BY 1`,
    [schema],
  );
  return rows.map(({ name }) => name);
}

/** `FROM` and `WHERE` of the tables, views and sequences, whose own catalogs are joined by the callers. */
const RELATIONS = `pg_class c WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
  AND c.relname !~ '^job_history_\\d{8}'`;

const QUERIES = {
  schema: `SELECT format('%s %s', nspname, obj_description(oid, 'pg_namespace')) AS line FROM pg_namespace WHERE nspname = $1`,
  relations: `
    SELECT concat_ws(' ', c.relkind, c.relname, c.reloptions::text, c.relacl::text, pg_get_partkeydef(c.oid),
      pg_get_expr(c.relpartbound, c.oid)) AS line FROM ${RELATIONS}`,
  columns: `
    SELECT concat_ws(' ', c.relname, lpad(a.attnum::text, 2, '0'), a.attname, format_type(a.atttypid, a.atttypmod),
      CASE WHEN a.attnotnull THEN 'NOT NULL' END, 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)) AS line
    FROM (SELECT * FROM ${RELATIONS} AND c.relkind IN ('r', 'p', 'v')) c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum`,
  // PostgreSQL 18 lists each NOT NULL as a constraint.
  constraints: `
    SELECT concat_ws(' ', c.relname, n.conname, pg_get_constraintdef(n.oid)) AS line
    FROM (SELECT * FROM ${RELATIONS}) c JOIN pg_constraint n ON n.conrelid = c.oid AND n.contype <> 'n'`,
  indexes: `SELECT pg_get_indexdef(c.oid) AS line FROM ${RELATIONS} AND c.relkind IN ('i', 'I')`,
  triggers: `
    SELECT concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled) AS line
    FROM (SELECT * FROM ${RELATIONS}) c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal`,
  // Up to PostgreSQL 15 every column of a view is written with its table.
  views: `
    SELECT concat_ws(' ', c.relname, regexp_replace(pg_get_viewdef(c.oid), '\\m(jobs|job_history)\\.(?=\\w)', '', 'g')) AS line
    FROM ${RELATIONS} AND c.relkind = 'v'`,
  sequences: `
    SELECT concat_ws(' ', s.sequencename, s.data_type, s.start_value, s.increment_by, s.max_value, s.cycle) AS line
    FROM pg_sequences s WHERE s.schemaname = $1`,
  functions: `
    SELECT concat_ws(' ', pg_get_functiondef(p.oid), p.proacl::text) AS line FROM pg_proc p
    WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)`,
} satisfies Record<string, string>;

/** One spelling for the schema, its channels and the role that owns everything, in whatever quotes they stand. */
function normalise(line: string, schema: string): string {
  const channelPrefix = channelsOf(schema).jobs.replace(/\.jobs$/, '');
  const literal = (text: string): string => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}`;
  return line
    .replaceAll(`"${schema.replaceAll('"', '""')}"`, 'SCHEMA')
    .replaceAll(literal(schema), "E'SCHEMA")
    .replaceAll(literal(channelPrefix), "E'SCHEMA")
    .replaceAll(schema, 'SCHEMA')
    .replaceAll(/\b\w+=(?=[a-zA-Z*]+\/)|(?<=\/)\w+(?=[,}])/g, (role) => (role.endsWith('=') ? 'owner=' : 'owner'));
}
