import { initial } from './0001-initial.js';
import { quoteLiteral } from '../lib/core/schema-name.js';
import { LEDGER_TABLE, namesOf, type MigrationScript, type Names } from './migration-script.js';

/** Every step, oldest first. */
export const migrationScripts: readonly MigrationScript[] = [initial];

/** Runs one statement, or several without parameters, on one connection. */
export type Query = (sql: string, params?: unknown[]) => Promise<unknown[]>;

/** The version that this release of the package needs. */
export const LATEST_VERSION = migrationScripts.length;

const SAFE_PATH = 'pg_catalog, pg_temp';

/** Marks a schema that a migration made, so that taking the last step back leaves alone one that was there before. */
const SCHEMA_COMMENT = 'Made by nestjs-notify-queue';

/**
 * Applies one step inside the caller's transaction, unless it has been applied. The lock comes
 * before any DDL, `CREATE SCHEMA` included: `IF NOT EXISTS` alone fails under concurrent installers.
 */
export async function applyScript(query: Query, schema: string, script: MigrationScript): Promise<boolean> {
  return withSafeNames(query, () => apply(query, schema, script));
}

async function apply(query: Query, schema: string, script: MigrationScript): Promise<boolean> {
  const names = namesOf(schema);
  await lock(query, names);
  if ((await appliedVersion(query, schema)) >= script.version) return false;
  if (script.version === 1) {
    // A role without the right to make schemas may still own one that was made for it.
    const exists = `SELECT count(*)::int AS n FROM pg_catalog.pg_namespace WHERE nspname = ${names.schemaLiteral}`;
    if ((await readNumber(query, exists)) === 0) await query(createSchema(names));
    await query(createLedger(names));
  }
  await query(script.up(names));
  await query(recordStep(names, script));
  return true;
}

/** Takes one step back inside the caller's transaction, if it is the newest one applied. */
export async function revertScript(query: Query, schema: string, script: MigrationScript): Promise<boolean> {
  return withSafeNames(query, () => revert(query, schema, script));
}

async function revert(query: Query, schema: string, script: MigrationScript): Promise<boolean> {
  const names = namesOf(schema);
  await lock(query, names);
  if ((await appliedVersion(query, schema)) !== script.version) return false;
  await query(script.down(names));
  if (script.version === 1) {
    await query(`DROP TABLE ${names.ledger}`);
    if ((await readNumber(query, ownAndEmpty(names))) === 1) await query(`DROP SCHEMA ${names.schema}`);
  } else {
    await query(`DELETE FROM ${names.ledger} WHERE version = ${script.version}`);
  }
  return true;
}

/** The newest step applied; 0 when there is none. */
export async function appliedVersion(query: Query, schema: string): Promise<number> {
  const names = namesOf(schema);
  // From the catalog's tables: to_regclass answers from a cache that a commit seen through the lock has not reached.
  const exists = `SELECT pg_catalog.count(*)::int AS n FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) ${names.schemaLiteral} AND c.relname OPERATOR(pg_catalog.=) '${LEDGER_TABLE}'`;
  if ((await readNumber(query, exists)) === 0) return 0;
  return readNumber(query, `SELECT COALESCE(pg_catalog.max(version), 0)::int AS n FROM ${names.ledger}`);
}

/** Applies whatever is missing, each step in a transaction of its own. Resolves to the steps applied. */
export async function applyMigrations(query: Query, schema: string): Promise<string[]> {
  const applied: string[] = [];
  for (const script of migrationScripts) {
    if (await inTransaction(query, () => applyScript(query, schema, script))) applied.push(script.name);
  }
  return applied;
}

/** Takes the newest step back. Resolves to its name, or undefined when there was none. */
export async function revertMigration(query: Query, schema: string): Promise<string | undefined> {
  const script = migrationScripts[(await appliedVersion(query, schema)) - 1];
  if (!script) return undefined;
  return (await inTransaction(query, () => revertScript(query, schema, script))) ? script.name : undefined;
}

/** The whole DDL as one text, for those who apply SQL by hand. */
export function migrationSql(schema: string): string {
  const names = namesOf(schema);
  const steps = migrationScripts.map(
    (script) => `-- ${script.name}${script.up(names)}\n${recordStep(names, script)};\n`,
  );
  return `BEGIN;\nSET LOCAL search_path = ${SAFE_PATH};\n${createSchema(names)};\n${createLedger(names)};\n\n${steps.join('\n')}COMMIT;\n`;
}

function createSchema({ schema }: Names): string {
  return `CREATE SCHEMA ${schema};\nCOMMENT ON SCHEMA ${schema} IS '${SCHEMA_COMMENT}'`;
}

/** Which steps have been applied. Its name is not `migrations`, which is that of TypeORM's own table. */
function createLedger({ ledger }: Names): string {
  return `CREATE TABLE ${ledger} (
  version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`;
}

function recordStep({ ledger }: Names, { version, name }: MigrationScript): string {
  return `INSERT INTO ${ledger} (version, name) VALUES (${version}, '${name}')`;
}

/** 1 when the schema was made by us and nothing of anybody is left in it. */
function ownAndEmpty({ schemaLiteral }: Names): string {
  return `SELECT count(*)::int AS n FROM pg_catalog.pg_namespace n
    WHERE n.nspname = ${schemaLiteral} AND obj_description(n.oid, 'pg_namespace') = '${SCHEMA_COMMENT}'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid)`;
}

/**
 * What a step names without a schema is looked up in pg_catalog only: a function of the same name, in a schema that the
 * role's search path puts first, would become the default of a column. The rest of the caller's transaction has its own path.
 */
async function withSafeNames<T>(query: Query, work: () => Promise<T>): Promise<T> {
  const set = `SELECT pg_catalog.set_config('search_path', `;
  const [row] = (await query(`SELECT pg_catalog.current_setting('search_path') AS path`)) as Array<{ path: string }>;
  await query(`${set}'${SAFE_PATH}', true)`);
  const result = await work();
  await query(`${set}${quoteLiteral(row?.path ?? '')}, true)`);
  return result;
}

async function lock(query: Query, { schemaLiteral }: Names): Promise<void> {
  await query(`SELECT pg_advisory_xact_lock(hashtextextended('notify-queue migrate ' || ${schemaLiteral}, 0))`);
}

async function inTransaction<T>(query: Query, work: () => Promise<T>): Promise<T> {
  await query('BEGIN ISOLATION LEVEL READ COMMITTED');
  try {
    // A large table takes its time, and so does another installer.
    await query('SET LOCAL statement_timeout = 0');
    const result = await work();
    await query('COMMIT');
    return result;
  } catch (error) {
    await query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function readNumber(query: Query, sql: string): Promise<number> {
  const [row] = (await query(sql)) as Array<{ n: number | string }>;
  return Number(row?.n);
}
