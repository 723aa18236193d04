import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { firstValueFrom } from 'rxjs';
import { expect } from 'vitest';
import { createStatements } from '../../../lib/store/statements/index.js';
import { startApp } from '../../support/app.js';
import { projectRoot } from '../../support/build.js';
import { handle } from '../../support/handlers.js';
import { migrateTemplate } from '../../support/migrate-template.js';
import { executing } from '../../support/plans.js';
import { SAMPLE_PARAMS } from '../../support/sample-params.js';
import { withClient } from '../../support/server.js';
import { until } from '../../support/wait.js';
import { happened } from '../../support/worker.js';
import { LEASE_MS, RESCUE_MS, SPARE_MS, type World } from '../world.js';
import { ALL_ROLES, forbiddenTo, ROLES, type Role } from './roles/forbidden.js';

const DENIED = '42501';
const OPERATIONS = join(projectRoot, 'docs/operations.md');
/** The statements of a process that only enqueues, beside the look at the ledger. */
const PRODUCER = ['insertJobs', 'insertJobsOnce', 'insertUnique', 'getJob', 'findOldestJobs', 'findNewestJobs', 'watchJob', 'readConfigs'] as const;
const LEDGER = 'SELECT max(version) FROM notify_queue.job_migrations';

/** The same database as another role, whose password is its name. */
export function as(role: Role | 'owner', url: string): string {
  const theirs = new URL(url);
  theirs.username = role;
  theirs.password = role;
  return theirs.href;
}

/** The tables are made by a role that may just do that, and the others get the rights that the docs name. */
export async function migrateAsOwner(url: string): Promise<void> {
  const rights = await readSql('Database rights');
  await withClient(url, async (admin) => {
    for (const role of ALL_ROLES) {
      const { rowCount } = await admin.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
      if (rowCount === 0) await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'`);
    }
    await admin.query(`DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO owner', current_database()); END $$`);
  });
  await migrateTemplate(as('owner', url));
  await withClient(as('owner', url), (owner) => owner.query(rights));
}

/** Every role does its part. */
export async function eachRoleDoesItsPart(world: World): Promise<void> {
  await world.query(`SELECT notify_queue.history_prepare('{-5 days}')`);
  const url = as('worker', world.url);
  const [first, second] = [await world.startWorker({ url }), await world.startWorker({ url })];
  // A partition past its time was dropped and new ones made, by one of the two.
  await until(() => [...first.events, ...second.events].some((it) => it.type === 'log:written' && /^Dropped \d day/.test(it.message)));
  const [made] = await world.query(`SELECT count(*)::int AS partitions FROM pg_class WHERE relname LIKE 'job_history_2%' AND relkind = 'r'`);
  expect(made.partitions).toBeGreaterThan(3);

  const producing = world.produce(4, () => ({ ms: world.random.integer(60), failures: world.random.integer(6) === 0 ? 1 : 0 }));
  const held = await world.enqueue('work', { ms: 60_000 });
  const holder = await Promise.any([first, second].map((it) => it.waitFor(happened('job:started', held)).then(() => it)));
  holder.kill('SIGKILL');
  for (const commit of [true, false]) await world.enqueueInTransaction('work', {}, commit);
  await enqueueBySql(as('sql_producer', world.url));
  const other = holder === first ? second : first;
  await other.waitFor(happened('job:started', held), { timeout: RESCUE_MS + SPARE_MS });
  await producing.stop();
  await asProducer(world);
  await asWorker(world, held!);
  await readAs('reader', world.url);
  await world.settled();
  for (const { events } of world.workers) expect(events.filter((it) => it.type === 'log:written' && /denied|cannot be|could not/i.test(it.message))).toEqual([]);
}

async function asProducer({ producer: { queue, configs, logger, dataSource }, random }: World): Promise<void> {
  const { id } = await queue.enqueue('work', {}, { id: crypto.randomUUID() });
  await queue.enqueueMany('noop', [1, 2, 3], { delay: random.integer(100) });
  await queue.enqueueMany('noop', [1, 2, 3], { group: 'a' });
  for (const outcome of ['created', 'replaced']) {
    expect(await queue.enqueue('noop', outcome, { delay: 2_000, unique: { key: 'a', onConflict: 'replace' } })).toMatchObject({ outcome });
  }
  await dataSource.transaction((manager) => queue.enqueue('noop', null, { manager }));
  await firstValueFrom(queue.watch(id));
  await queue.result(id);
  expect(await queue.get(id)).toMatchObject({ state: 'completed' });
  expect((await queue.find({ name: 'work' })).jobs.length).toBeGreaterThan(0);
  await firstValueFrom(configs.config$);
  const refused = [
    () => queue.cancel(id),
    () => queue.move(id, 'other'),
    () => queue.retry(id),
    () => queue.suspend(),
    () => queue.status(),
    () => configs.set('key', 'value'),
  ];
  for (const call of refused) await expect(call()).rejects.toMatchObject({ code: DENIED });
  expect(logger.of('warn')).toEqual([]);
}

async function asWorker(world: World, held: string): Promise<void> {
  const app = await startApp({
    url: as('worker', world.url),
    queue: { lease: LEASE_MS },
    providers: [handle({ mine: (job) => job.progress(1) })],
  });
  const { queue, configs, logger } = app;
  try {
    const { id } = await queue.enqueue('mine', null, { delay: '1m' });
    expect(await queue.move(id, 'default')).toBe('ok');
    expect(await queue.cancel(id)).toBe('ok');
    await queue.retry(id);
    await firstValueFrom(queue.watch(id));
    await queue.result(id);
    expect(await queue.cancel(held, { abort: true })).toBe('in_progress');
    await queue.suspend();
    await queue.resume();
    await configs.set('key', 'value');
    await configs.update('key', 'other');
    await configs.delete('key');
    expect((await queue.status()).instances.length).toBeGreaterThan(1);
    await app.dataSource.transaction((manager) => queue.enqueue('noop', null, { manager }));
    expect(logger.of('warn')).toEqual([]);
  } finally {
    await app.close();
  }
}

const SQL_PRODUCER = [
  `SELECT notify_queue.enqueue('work', '{}')`,
  `SELECT notify_queue.enqueue('work', '{}', run_at => now() + interval '200 ms', priority => 5)`,
  `INSERT INTO notify_queue.jobs (name, queue, payload) VALUES ('work', 'default', '{}') RETURNING id`,
  `INSERT INTO notify_queue.jobs (name, group_key) VALUES ('work', 'a')`,
  `INSERT INTO notify_queue.jobs (id, name, payload, priority, run_at, due_at, notify)
     SELECT gen_random_uuid(), 'work', '{}', 1, due, due, false FROM (SELECT now()) AS t (due)`,
];

async function enqueueBySql(url: string): Promise<void> {
  await withClient(url, async (client) => {
    for (const statement of SQL_PRODUCER) await client.query(statement);
  });
}

async function readAs(role: Role, url: string): Promise<void> {
  const queries = await queriesOfThePage();
  await withClient(as(role, url), async (client) => {
    for (const query of queries) await client.query(query);
  });
}

async function queriesOfThePage(): Promise<string[]> {
  const sql = (await readSql('Useful queries')).replaceAll(/^--.*$/gm, '');
  const queries = sql.split(';').filter((query) => query.trim() !== '');
  expect(queries.length).toBeGreaterThan(4);
  return queries;
}

/** What each role must be able to do, as statements. */
async function partsOf(role: Role, admin: pg.Client): Promise<string[]> {
  if (role === 'sql_producer') return SQL_PRODUCER;
  if (role === 'reader') return queriesOfThePage();
  const statements = createStatements('notify_queue');
  const names = role === 'worker' ? (Object.keys(statements) as Array<keyof typeof statements>) : PRODUCER;
  for (const name of names) await admin.query(`PREPARE ${role}_${name} AS ${statements[name].text}`);
  return [LEDGER, ...names.map((name) => executing(`${role}_${name}`, SAMPLE_PARAMS[name]))];
}

/** Runs a statement for its SQLSTATE, and undoes it. */
const TRY = `CREATE FUNCTION fault.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RAISE EXCEPTION USING ERRCODE = 'NQ000';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;
GRANT USAGE ON SCHEMA fault TO PUBLIC;`;
const DONE = 'NQ000';

/** Whatever is not their part is refused, and without any one of their rights they cannot do it. */
export async function rightsAreEnoughAndNoMore(world: World): Promise<void> {
  await world.query(TRY);
  await world.query(`SELECT notify_queue.history_prepare('{1 day}')`);
  const wrong: string[] = [];
  await withClient(world.url, async (admin) => {
    for (const role of ROLES) {
      const forbidden = await outcomes(admin, role, await forbiddenTo(role, admin));
      expect(forbidden.length).toBeGreaterThan(50);
      wrong.push(...forbidden.filter(({ code }) => code !== DENIED).map(({ statement, code }) => `${role}: ${statement}: ${code}`));
      const parts = await partsOf(role, admin);
      expect((await outcomes(admin, role, parts)).filter(({ code }) => code !== DONE)).toEqual([]);
      const rights = await rightsOf(role, admin);
      expect(rights.length).toBeGreaterThan(2);
      for (const right of rights) {
        const without = await outcomes(admin, role, parts, `REVOKE ${right} FROM ${role}`);
        if (!without.some(({ code }) => code === DENIED)) wrong.push(`${role} does not need ${right}`);
      }
    }
  });
  expect(wrong).toEqual([]);
}

interface Outcome {
  readonly statement: string;
  readonly code: string;
}

/** What becomes of each when the role runs it; nothing of it stays. */
async function outcomes(admin: pg.Client, role: Role, statements: readonly string[], before = ''): Promise<Outcome[]> {
  await admin.query(`BEGIN; ${before}; SET LOCAL ROLE ${role}`);
  const { rows } = await admin.query<Outcome>(
    'SELECT statement, fault.try(statement) AS code FROM unnest($1::text[]) statement',
    [statements],
  );
  await admin.query('ROLLBACK');
  return rows;
}

/** Each right that was granted to a role, as it is taken back. */
async function rightsOf(role: Role, admin: pg.Client): Promise<string[]> {
  const { rows } = await admin.query<{ right: string }>(
    `SELECT format('%s ON %s', a.privilege_type, c.oid::regclass) AS right
       FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee = $1::regrole
     UNION ALL SELECT format('%s (%I) ON %s', a.privilege_type, attname, attrelid::regclass)
       FROM pg_attribute, aclexplode(attacl) a WHERE a.grantee = $1::regrole
     UNION ALL SELECT format('EXECUTE ON FUNCTION %s', p.oid::regprocedure) FROM pg_proc p, aclexplode(p.proacl) a WHERE a.grantee = $1::regrole
     UNION ALL SELECT format('USAGE ON SCHEMA %I', nspname) FROM pg_namespace, aclexplode(nspacl) a WHERE a.grantee = $1::regrole`,
    [role],
  );
  return rows.map(({ right }) => right);
}

/** The first SQL below a heading of the page on operations. */
async function readSql(heading: string): Promise<string> {
  const [, section = ''] = (await readFile(OPERATIONS, 'utf8')).split(`## ${heading}\n`);
  const [, sql] = /```sql\n(.*?)```/s.exec(section) ?? [];
  if (!sql) throw new Error(`No SQL below '${heading}'`);
  return sql;
}
