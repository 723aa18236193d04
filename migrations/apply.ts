import { initial } from './0001-initial.js';
import { namesOf, type MigrationScript } from './migration-script.js';

/** Every step, oldest first. */
export const migrationScripts: readonly MigrationScript[] = [initial];

/** Runs one statement, or several without parameters, on one connection. */
export type Query = (sql: string, params?: unknown[]) => Promise<unknown[]>;

/** The version that this release of the package needs. */
export const LATEST_VERSION = migrationScripts.length;

/**
 * Applies one step inside the caller's transaction, unless it has been applied. The lock comes
 * before any DDL, `CREATE SCHEMA` included: `IF NOT EXISTS` alone fails under concurrent installers.
 */
export async function applyScript(query: Query, schema: string, script: MigrationScript): Promise<boolean> {
  const names = namesOf(schema);
  await query(`SELECT pg_advisory_xact_lock(hashtextextended('notify-queue migrate ' || ${names.schemaLiteral}, 0))`);
  await query(`CREATE SCHEMA IF NOT EXISTS ${names.schema}`);
  await query(`CREATE TABLE IF NOT EXISTS ${names.schema}.migrations (
    version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
  const rows = await query(`SELECT 1 FROM ${names.schema}.migrations WHERE version = ${script.version}`);
  if (rows.length > 0) return false;
  await query(script.up(names));
  await query(`INSERT INTO ${names.schema}.migrations (version, name) VALUES (${script.version}, '${script.name}')`);
  return true;
}

/** Takes one step back inside the caller's transaction, if it is the newest one applied. */
export async function revertScript(query: Query, schema: string, script: MigrationScript): Promise<boolean> {
  const names = namesOf(schema);
  await query(`SELECT pg_advisory_xact_lock(hashtextextended('notify-queue migrate ' || ${names.schemaLiteral}, 0))`);
  if ((await appliedVersion(query, schema)) !== script.version) return false;
  await query(script.down(names));
  if (script.version === 1) {
    await query(`DROP TABLE ${names.schema}.migrations`);
    await query(`DROP SCHEMA ${names.schema}`);
  } else {
    await query(`DELETE FROM ${names.schema}.migrations WHERE version = ${script.version}`);
  }
  return true;
}

/** The newest step applied; 0 when there is none. */
export async function appliedVersion(query: Query, schema: string): Promise<number> {
  const names = namesOf(schema);
  // Cast and read so that it works with any type parser.
  const ledger = `format('%I.migrations', ${names.schemaLiteral})`;
  if ((await readNumber(query, `SELECT (to_regclass(${ledger}) IS NOT NULL)::int AS n`)) === 0) return 0;
  return readNumber(query, `SELECT COALESCE(max(version), 0)::int AS n FROM ${names.schema}.migrations`);
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
    (script) =>
      `-- ${script.name}${script.up(names)}INSERT INTO ${names.schema}.migrations (version, name) ` +
      `VALUES (${script.version}, '${script.name}');\n`,
  );
  return `BEGIN;
CREATE SCHEMA ${names.schema};
CREATE TABLE ${names.schema}.migrations (
  version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
${steps.join('\n')}COMMIT;
`;
}

async function inTransaction<T>(query: Query, work: () => Promise<T>): Promise<T> {
  await query('BEGIN ISOLATION LEVEL READ COMMITTED');
  try {
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
