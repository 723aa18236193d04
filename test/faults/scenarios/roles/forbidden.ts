import type pg from 'pg';

export const ROLES = ['worker', 'producer', 'sql_producer', 'reader'] as const;
export type Role = (typeof ROLES)[number];
export const ALL_ROLES = ['owner', ...ROLES] as const;

/** What each role may do to whole tables. */
const MAY: Record<Role, Record<string, string>> = {
  worker: {
    jobs: 'SELECT INSERT UPDATE DELETE',
    job_history: 'SELECT INSERT DELETE',
    job_configs: 'SELECT INSERT UPDATE DELETE',
    job_instances: 'SELECT INSERT UPDATE DELETE',
    job_groups: 'SELECT',
    job_migrations: 'SELECT',
    all_jobs: 'SELECT',
  },
  producer: { jobs: 'SELECT', job_history: 'SELECT', job_configs: 'SELECT', job_migrations: 'SELECT', all_jobs: 'SELECT' },
  sql_producer: {},
  reader: { job_instances: 'SELECT', all_jobs: 'SELECT' },
};

/** Columns of `jobs` that a role may write although it may not write the others. */
const MAY_WRITE: Record<string, Record<string, string>> = {
  producer: { INSERT: 'id queue name payload priority options notify run_at due_at group_key blocked unique_key' },
  sql_producer: { INSERT: 'id queue name payload priority notify run_at due_at group_key' },
};

const TO_NOBODY = [
  'CREATE TABLE notify_queue.mine ()',
  'CREATE SCHEMA mine',
  'CREATE INDEX ON notify_queue.jobs (name)',
  'CREATE TRIGGER mine AFTER INSERT ON notify_queue.jobs FOR EACH ROW EXECUTE FUNCTION notify_queue.jobs_inserted()',
  `CREATE OR REPLACE FUNCTION notify_queue.wake_queue(queue text) RETURNS void LANGUAGE sql AS ''`,
  'ALTER TABLE notify_queue.jobs DISABLE TRIGGER ALL',
  'ALTER FUNCTION notify_queue.history_expire() RESET ALL',
  'ALTER SCHEMA notify_queue RENAME TO mine',
  'DROP TABLE notify_queue.job_history_default',
  'DROP VIEW notify_queue.all_jobs',
  'DROP SCHEMA notify_queue CASCADE',
  `SELECT nextval('notify_queue.job_configs_revision')`,
  `SELECT setval('notify_queue.job_configs_revision', 1)`,
  'SELECT * FROM notify_queue.job_configs_revision',
];

/** Statements that the role must be refused. */
export async function forbiddenTo(role: Role, admin: pg.Client): Promise<string[]> {
  const { rows } = await admin.query<{ table: string; column: string; isView: boolean }>(
    `SELECT c.relname AS table, attname AS column, c.relkind = 'v' AS "isView" FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
     WHERE relnamespace = 'notify_queue'::regnamespace AND relkind IN ('r', 'p', 'v') AND attnum > 0 ORDER BY c.oid, attnum`,
  );
  const statements = [...TO_NOBODY];
  for (const table of new Set(rows.map((row) => row.table))) {
    const columns = rows.filter((row) => row.table === table);
    const may = MAY[role][table]?.split(' ') ?? [];
    const refuse = (right: string, statement: string): unknown => may.includes(right) || statements.push(statement);
    refuse('SELECT', `SELECT * FROM notify_queue.${table}`);
    // A view of two tables cannot be written at all.
    if (columns[0]!.isView) continue;
    refuse('DELETE', `DELETE FROM notify_queue.${table}`);
    refuse('TRUNCATE', `TRUNCATE notify_queue.${table}`);
    for (const { column } of columns) {
      const free = (right: string): boolean => table === 'jobs' && (MAY_WRITE[role]?.[right]?.split(' ').includes(column) ?? false);
      if (!free('INSERT')) refuse('INSERT', `INSERT INTO notify_queue.${table} (${column}) VALUES (DEFAULT)`);
      if (!free('UPDATE')) refuse('UPDATE', `UPDATE notify_queue.${table} SET ${column} = DEFAULT`);
    }
  }
  if (role !== 'worker') statements.push(`SELECT notify_queue.history_prepare('{1 day}')`, 'SELECT notify_queue.history_expire()');
  if (role === 'producer') statements.push(`SELECT notify_queue.group_leave('default', '{a}', '{1}')`, `SELECT notify_queue.slots_take('default', gen_random_uuid(), 0, 1, 1)`);
  if (role === 'sql_producer') statements.push('SELECT notify_queue.watch_job(gen_random_uuid())', `SELECT notify_queue.unique_claim('key', gen_random_uuid(), 1)`);
  if (role === 'reader') statements.push(`SELECT notify_queue.enqueue('work')`);
  if (role === 'sql_producer') statements.push('INSERT INTO notify_queue.jobs (name) VALUES (DEFAULT) RETURNING queue');
  return statements;
}
