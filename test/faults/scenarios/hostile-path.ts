import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { createStatements } from '../../../lib/store/statements/index.js';
import { migrationScripts } from '../../../migrations/apply.js';
import { namesOf } from '../../../migrations/migration-script.js';
import { projectRoot } from '../../support/build.js';
import { dumpSchema } from '../../support/schema-dump.js';
import { migrateTemplate } from '../../support/migrate-template.js';
import { withClient } from '../../support/server.js';
import type { World } from '../world.js';

/** Types that what is shadowed takes: those of our columns and catalogs. */
const TYPES = ['text', 'name', 'oid', 'uuid', 'bool', 'int2', 'int4', 'int8', 'float8', 'numeric', 'timestamptz', 'timestamp', 'date',
  'interval', 'jsonb', 'tid', 'regclass', '_text', '_uuid', '_int4', '_int8', '_float8', '_interval', 'anyarray', 'anyelement', 'any'];

/** Names of functions in our SQL. */
function functionsInUse(): string[] {
  const texts = [...Object.values(createStatements('notify_queue')), ...migrationScripts.map((step) => ({ text: step.up(namesOf('notify_queue')) }))];
  const found = texts.flatMap(({ text }) => [...text.matchAll(/\b([a-z_]+)\(/g)].map(([, name]) => name as string));
  return [...new Set([...found, 'now', 'pg_notify', 'pg_backend_pid', 'set_config', 'current_setting', 'obj_description', 'to_regclass'])];
}

/**
 * A schema that the role's search path puts before pg_catalog, with tables and types of our names, and with functions
 * and operators that are called instead of those that our SQL means, and count it.
 */
const HOSTILE = `
CREATE SCHEMA hostile;
CREATE SEQUENCE hostile.calls;
CREATE FUNCTION hostile.caught(what text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM nextval('hostile.calls');
  RAISE EXCEPTION 'hijacked %', what;
END $$;
DO $$
DECLARE
  it record;
  relation text;
BEGIN
  FOR it IN
    SELECT DISTINCT ON (p.oid) p.proname, pg_get_function_arguments(p.oid) AS parameters, pg_get_function_result(p.oid) AS result
    FROM pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.proname = ANY (current_setting('hostile.functions')::text[])
      AND NOT EXISTS (
        SELECT FROM unnest(p.proargtypes) a JOIN pg_type t ON t.oid = a WHERE t.typname <> ALL (current_setting('hostile.types')::text[])
      ) AND pg_get_function_arguments(p.oid) !~ '"any"|VARIADIC|OUT '
  LOOP
    EXECUTE format('CREATE FUNCTION hostile.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN PERFORM hostile.caught(%L); END $f$',
      it.proname, it.parameters, it.result, it.proname);
  END LOOP;
  FOR it IN
    SELECT o.oid, o.oprname, l.typname AS l, r.typname AS r, format_type(o.oprresult, NULL) AS result
    FROM pg_operator o JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright
    WHERE o.oprname = ANY ('{=,<>,<,>,<=,>=,+,-,*,/,||,@>,->>,~}') AND o.oprkind = 'b'
      AND l.typname = ANY (current_setting('hostile.types')::text[]) AND r.typname = ANY (current_setting('hostile.types')::text[])
      AND l.typname NOT LIKE 'any%' AND r.typname NOT LIKE 'any%'
  LOOP
    EXECUTE format('CREATE FUNCTION hostile.operator_%s(pg_catalog.%I, pg_catalog.%I) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN PERFORM hostile.caught(%L); END $f$',
      it.oid, it.l, it.r, it.result, it.oprname);
    EXECUTE format('CREATE OPERATOR hostile.%s (FUNCTION = hostile.operator_%s, LEFTARG = pg_catalog.%I, RIGHTARG = pg_catalog.%I)',
      it.oprname, it.oid, it.l, it.r);
  END LOOP;
  FOREACH relation IN ARRAY '{jobs,job_history,job_configs,job_instances,job_migrations,all_jobs}'::text[] LOOP
    EXECUTE format('CREATE TABLE hostile.%I (id int)', relation);
  END LOOP;
  FOREACH relation IN ARRAY '{uuid,jsonb,text,float8}'::text[] LOOP
    EXECUTE format('CREATE DOMAIN hostile.%I AS pg_catalog.%I CHECK (VALUE IS NULL)', relation, relation);
  END LOOP;
END $$;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
`;

export function asVictim(url: string): string {
  const theirs = new URL(url);
  theirs.username = theirs.password = 'victim';
  return theirs.href;
}

/** The tables are made under the hostile path already. */
export async function migrateUnderHostilePath(url: string): Promise<void> {
  await withClient(url, async (admin) => {
    const { rowCount } = await admin.query(`SELECT FROM pg_roles WHERE rolname = 'victim'`);
    if (rowCount === 0) await admin.query(`CREATE ROLE victim LOGIN PASSWORD 'victim'`);
    await admin.query(`SET hostile.functions = '{${functionsInUse().join(',')}}'; SET hostile.types = '{${TYPES.join(',')}}'`);
    await admin.query(HOSTILE);
    await admin.query(`DO $$ BEGIN
      EXECUTE format('GRANT CREATE ON DATABASE %I TO victim', current_database());
      EXECUTE format('ALTER ROLE victim IN DATABASE %I SET search_path = hostile, pg_catalog', current_database());
    END $$`);
  });
  await migrateTemplate(asVictim(url));
  await withClient(url, async (admin) => {
    const query = async <T>(sql: string, params?: unknown[]): Promise<T[]> => (await admin.query(sql, params)).rows as T[];
    expect(await dumpSchema({ query })).toBe(await readFile(join(projectRoot, 'test/snapshots/schema.sql'), 'utf8'));
  });
}

/** Everything runs as a role whose path is hostile, in sessions of ours and of the application. */
export async function hostilePath(world: World): Promise<void> {
  const { queue, configs, dataSource, logger } = world.producer;
  const [{ shadowed }] = await world.query(`SELECT count(*)::int AS shadowed FROM pg_proc WHERE pronamespace = 'hostile'::regnamespace`);
  expect(shadowed).toBeGreaterThan(150);
  await expect(dataSource.query('SELECT now()')).rejects.toThrow('hijacked now');
  await world.query('ALTER SEQUENCE hostile.calls RESTART');

  const first = await world.startWorker();
  await world.startWorker();
  const producing = world.produce(4, () => ({ ms: world.random.integer(40), failures: world.random.integer(6) === 0 ? 1 : 0 }));
  for (let i = 0; i < 10; i++) await world.enqueueInTransaction('work', {}, i % 3 > 0);
  await dataSource.transaction(async (manager) => {
    await queue.enqueueMany('noop', [1, 2, 3], { manager, delay: 50, priority: 3 });
    await queue.enqueue('noop', 1, { manager, id: crypto.randomUUID() });
    await queue.enqueue('noop', 1, { manager, runAt: new Date(Date.now() + 100) });
    await manager.query(`SELECT notify_queue.enqueue('noop')`);
    await configs.set('key', 'value', { manager });
    await configs.update('key', 'other', { manager });
    await configs.create('second', 'value', { manager });
    await configs.delete('second', { manager });
    expect(await configs.list({ manager })).toHaveLength(1);
  });
  await sleep(300);
  first.kill('SIGKILL');
  const { id } = await queue.enqueue('work', {}, { delay: '1m' });
  await queue.move(id, 'other');
  await queue.move(id, 'default');
  await queue.cancel(id);
  await queue.retry(id);
  await queue.result(id);
  const transactional = await queue.enqueue('transactional', {}, { delay: 200 });
  expect(await queue.result(transactional.id)).toEqual({ done: true });
  expect(await queue.status()).toMatchObject({ instances: expect.any(Array) });
  expect((await queue.find({ name: 'work' }, { limit: 1 })).jobs).toHaveLength(1);
  await queue.suspend();
  await queue.resume();
  await producing.stop();
  await world.settled();
  const troubles = world.workers.flatMap(({ events }) => events.filter((event) => JSON.stringify(event).includes('hijacked')));
  expect(troubles).toEqual([]);
  expect(logger.of('warn')).toEqual([]);
  expect(await world.query('SELECT is_called FROM hostile.calls')).toEqual([{ is_called: false }]);
}
