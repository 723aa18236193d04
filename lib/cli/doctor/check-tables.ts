import { randomBytes } from 'node:crypto';
import { appliedVersion, applyScript, LATEST_VERSION, migrationScripts } from '../../../migrations/apply.js';
import { channelsOf, quoteIdentifier, quoteLiteral } from '../../core/schema-name.js';
import { peek } from '../../core/peek.js';
import { schemaArgument } from '../../store/migrator.js';
import { oneLine } from '../cli-error.js';
import { ok, problem, warning, type Finding, type Patient } from './finding.js';

type Query = (sql: string, params?: unknown[]) => Promise<Array<Record<string, unknown>>>;

const CHECK = 'tables';
const DEADLINE_MS = 60_000;

/** Everything that the migrations make, as `name: definition`. Partitions are made at run time. */
const LISTING = `
WITH relations AS (
  SELECT * FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND NOT relispartition
)
SELECT format('column %s.%s', c.relname, a.attname) AS name,
  concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END, pg_get_expr(d.adbin, d.adrelid)) AS definition
FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relkind IN ('r', 'p', 'v')
UNION ALL SELECT format('index %s', c.relname), pg_get_indexdef(c.oid) FROM relations c WHERE c.relkind IN ('i', 'I')
UNION ALL SELECT format('constraint %s of %s', n.conname, c.relname), pg_get_constraintdef(n.oid)
FROM relations c JOIN pg_constraint n ON n.conrelid = c.oid AND n.contype <> 'n'
UNION ALL SELECT format('trigger %s of %s', t.tgname, c.relname), concat(pg_get_triggerdef(t.oid), CASE t.tgenabled WHEN 'D' THEN ' DISABLED' END)
FROM relations c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
UNION ALL SELECT format('function %s', p.proname), pg_get_functiondef(p.oid)
FROM pg_proc p WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)`;

/** Whether the tables are there, and as the migrations make them, triggers and all. */
export async function checkTables({ database, schema }: Patient): Promise<Finding[]> {
  return database.withClient(async (query) => {
    const version = await appliedVersion(query, schema);
    if (version > LATEST_VERSION) return [problem(CHECK, `Schema '${schema}' is at version ${version}, this release knows ${LATEST_VERSION}.`, 'Update the package.')];
    if (version < LATEST_VERSION) {
      const state = version === 0 ? 'has no tables of the queue' : `is at version ${version} of ${LATEST_VERSION}`;
      return [problem(CHECK, `Schema '${schema}' ${state}.`, `Run \`npx notify-queue migrate${schemaArgument(schema)}\`.`)];
    }
    try {
      return await compare(query, schema);
    } catch (error) {
      if (peek(error, 'code') !== '42501') throw error;
      return [warning(CHECK, `Version ${version}, but not compared with what the migrations make: ${oneLine(error)}.`, 'Run doctor as a role that may create schemas.')];
    }
  }, DEADLINE_MS);
}

/** The migrations are run once more into a schema of its own, which is never committed. */
async function compare(query: Query, schema: string): Promise<Finding[]> {
  const twin = `nq_doctor_${randomBytes(6).toString('hex')}`;
  const found = await list(query, schema);
  await query('BEGIN');
  let expected: Map<string, string>;
  try {
    for (const script of migrationScripts) await applyScript(query, twin, script);
    expected = await list(query, twin);
  } finally {
    await query('ROLLBACK');
  }
  const missing = [...expected.keys()].filter((name) => !found.has(name));
  const changed = [...expected].filter(([name, definition]) => found.has(name) && found.get(name) !== definition).map(([name]) => name);
  const more = [...found.keys()].filter((name) => !expected.has(name));
  const advice = 'Put back what `npx notify-queue sql` prints of it.';
  const findings = [
    ...missing.map((name) => problem(CHECK, `The ${name} is missing.`, advice)),
    ...changed.map((name) => problem(CHECK, `The ${name} is not as the migrations make it.`, advice)),
    ...more.filter((name) => !name.startsWith('index ')).map((name) => warning(CHECK, `The ${name} is not of this package.`, 'Make sure that it disturbs nothing.')),
  ];
  return findings.length > 0 ? findings : [ok(CHECK, `Version ${LATEST_VERSION}, with ${expected.size} columns, indexes, constraints, triggers and functions as the migrations make them.`)];
}

async function list(query: Query, schema: string): Promise<Map<string, string>> {
  const channelPrefix = channelsOf(schema).jobs.slice(0, -'.jobs'.length);
  // As it stands in names, in texts, and where it needs no quotes.
  const spellings = [quoteIdentifier(schema), ...[schema, channelPrefix].map((text) => quoteLiteral(text).slice(2, -1)), schema];
  const neutral = (text: string): string => spellings.reduce((rest, spelling) => rest.replaceAll(spelling, '§'), text);
  const rows = await query(LISTING, [schema]);
  return new Map(rows.map((row) => [neutral(String(row['name'])), neutral(String(row['definition']))]));
}
