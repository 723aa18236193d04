import { version as uuidVersion } from 'uuid';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { queueEntities } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { listen, type Heard } from '../../support/notifications.js';
import { until } from '../../support/wait.js';

const { Job, JobConfig, JobHistory } = queueEntities();

describe('the tables', () => {
  const database = useTestDatabase();
  const start = useApps(database);

  it('a row of jobs has a UUIDv7, an explicit state and timestamps with a time zone', async () => {
    const { queue, dataSource } = await start();
    const before = Date.now();
    const { id } = await queue.enqueue('write.letter', { to: 'Ada' }, { queue: 'mail', priority: 3, delay: '1h' });
    const row = await dataSource.getRepository(Job).findOneByOrFail({ id });
    expect(uuidVersion(id)).toBe(7);
    expect(row).toMatchObject({ queue: 'mail', name: 'write.letter', payload: { to: 'Ada' }, state: 'scheduled', priority: 3 });
    expect(row).toMatchObject({ attempt: 0, crashes: 0, reservedAt: null, reservedBy: null, failureState: null, failure: null });
    expect(Math.abs(row.enqueuedAt.getTime() - before)).toBeLessThan(5_000);
    expect(Math.abs(row.runAt.getTime() - row.enqueuedAt.getTime() - 3_600_000)).toBeLessThan(5);
    const types = await database.query(
      `SELECT DISTINCT data_type FROM information_schema.columns
       WHERE table_schema = 'notify_queue' AND (column_name LIKE '%\\_at' OR column_name = 'keep_until')`,
    );
    expect(types).toEqual([{ data_type: 'timestamp with time zone' }]);
  });

  it('a finished job keeps its row in the history, with who ran it and when', async () => {
    const { queue, dataSource } = await start({ providers: [handle({ sum: () => 42 })] });
    const { id } = await queue.enqueue('sum', [20, 22]);
    await queue.result(id);
    const row = await dataSource.getRepository(JobHistory).findOneByOrFail({ id });
    expect(row).toMatchObject({ state: 'completed', payload: [20, 22], result: 42, attempt: 1 });
    expect(row.reservedBy).toMatch(/^[0-9a-f-]{36}$/);
    expect(row.enqueuedAt <= row.reservedAt! && row.reservedAt! <= row.finishedAt && row.finishedAt < row.keepUntil).toBe(true);
    expect(await dataSource.getRepository(Job).countBy({ id })).toBe(0);
  });

  it('a row of job_configs has a unique key and a revision that only grows, also over a deletion', async () => {
    const { configs, dataSource } = await start();
    const revisions: number[] = [];
    for (const value of ['one', 'two', 'two']) revisions.push((await configs.set('vat', value)).revision);
    await configs.delete('vat');
    revisions.push((await configs.create('vat', 'three')).revision);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    const row = await dataSource.getRepository(JobConfig).findOneByOrFail({ key: 'vat' });
    expect(row).toMatchObject({ value: 'three', revision: String(revisions.at(-1)) });
    const duplicate = database.query(`INSERT INTO notify_queue.job_configs (key, value) VALUES ('vat', 'four')`);
    await expect(duplicate).rejects.toMatchObject({ code: '23505' });
  });

  it('everything lives in a schema of its own, which can be another one, and no extension is needed', async () => {
    const ping = handle({ ping: () => 'pong' });
    const first = await start({ providers: [ping] });
    const second = await start({ providers: [handle({ ping: () => 'other' })], queue: { schema: 'Second "Shop"', migrations: 'run' } });
    const ids = [await first.queue.enqueue('ping', {}), await second.queue.enqueue('ping', {})].map(({ id }) => id);
    expect([await first.queue.result(ids[0]!), await second.queue.result(ids[1]!)]).toEqual(['pong', 'other']);
    expect(await second.queue.get(ids[0]!)).toBeUndefined();
    expect(await database.query('SELECT extname FROM pg_extension')).toEqual([{ extname: 'plpgsql' }]);
    expect(await database.query(`SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace`)).toEqual([]);
  });
});

describe('the notifications', () => {
  const database = useTestDatabase();
  const start = useApps(database);
  let heard: () => Promise<Heard[]>;
  const job = (queue: string): Heard => ({ channel: 'jobs', payload: queue });
  const config = (key: string): Heard => ({ channel: 'configs', payload: key });

  beforeAll(async () => {
    heard = await listen(database);
  });
  beforeEach(() => heard());

  it('one a queue a transaction, however many rows and statements; the payload is the queue', async () => {
    await database.query(
      `BEGIN; INSERT INTO notify_queue.jobs (name) VALUES ('a'), ('b'), ('c');
       INSERT INTO notify_queue.jobs (name, queue) SELECT 'd', 'mail' FROM generate_series(1, 100);
       INSERT INTO notify_queue.jobs (name) VALUES ('e'); COMMIT`,
    );
    expect(await heard()).toEqual([job('default'), job('mail')]);
  });

  it('one for each queue of a bulk, in a transaction of the caller or none', async () => {
    const { queue, dataSource } = await start();
    await queue.enqueueMany('x', [1, 2, 3]);
    expect(await heard()).toEqual([job('default')]);
    await dataSource.transaction(async (manager) => {
      for (const name of ['a', 'b', 'a', 'b']) await queue.enqueueMany('x', [1, 2], { queue: name, manager });
      expect(await heard()).toEqual([]);
    });
    expect(await heard()).toEqual([job('a'), job('b')]);
  });

  it('fewer under load: a commit relies on the one of the same queue that is under way', async () => {
    const open = await database.client();
    await open.query(`BEGIN; INSERT INTO notify_queue.jobs (name) VALUES ('first'); SET CONSTRAINTS ALL IMMEDIATE`);
    for (let i = 0; i < 20; i++) await database.query(`INSERT INTO notify_queue.jobs (name) VALUES ('later')`);
    await database.query(`INSERT INTO notify_queue.jobs (name, queue) VALUES ('elsewhere', 'mail')`);
    expect(await heard()).toEqual([job('mail')]);
    await open.query('COMMIT');
    expect(await heard()).toEqual([job('default')]);
  });

  it('none for a job that is due in an hour, one for a job that is due in ten seconds', async () => {
    const { queue } = await start();
    await queue.enqueue('later', {}, { delay: '1h' });
    await queue.enqueue('later', {}, { runAt: new Date(Date.now() + 3_600_000) });
    await database.query(`SELECT notify_queue.enqueue('later', run_at => now() + interval '1 hour')`);
    expect(await heard()).toEqual([]);
    await queue.enqueue('soon', {}, { delay: '10s' });
    expect(await heard()).toEqual([job('default')]);
  });

  it('none after a rollback, of jobs and of configs', async () => {
    const { queue, configs, dataSource } = await start();
    const rolledBack = dataSource.transaction(async (manager) => {
      await queue.enqueue('x', {}, { manager });
      await configs.set('key', 'value', { manager });
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    await database.query(`BEGIN; INSERT INTO notify_queue.jobs (name) VALUES ('a'); ROLLBACK`);
    expect(await heard()).toEqual([]);
  });

  it('insert, update and delete of a config each send one, with the key; a truncation an empty one', async () => {
    await database.query(`INSERT INTO notify_queue.job_configs (key, value) VALUES ('vat', '19')`);
    expect(await heard()).toEqual([config('vat')]);
    await database.query(`UPDATE notify_queue.job_configs SET value = '7' WHERE key = 'vat'`);
    expect(await heard()).toEqual([config('vat')]);
    await database.query(`UPDATE notify_queue.job_configs SET key = 'tax' WHERE key = 'vat'`);
    expect(await heard()).toEqual([config('tax'), config('vat')]);
    await database.query(`DELETE FROM notify_queue.job_configs WHERE key = 'tax'`);
    expect(await heard()).toEqual([config('tax')]);
    await database.query('TRUNCATE notify_queue.job_configs');
    expect(await heard()).toEqual([config('')]);
  });

  it('the channel names the schema: another installation in the database hears nothing', async () => {
    const { queue, configs } = await start({ queue: { schema: 'other', migrations: 'run' } });
    const other = await listen(database, 'other');
    await queue.enqueue('x', {});
    await configs.set('key', 'value');
    expect(await other()).toEqual([job('default'), config('key')]);
    expect(await heard()).toEqual([]);
  });

  it('jobs inserted by SQL run: plain INSERT and the function', async () => {
    const seen: unknown[] = [];
    const work = handle({ plain: (it) => void seen.push(it.payload), called: (it) => void seen.push(it.payload) });
    await start({ providers: [work], queue: { sweepInterval: '1m' } });
    await database.query(`INSERT INTO notify_queue.jobs (name) VALUES ('plain')`);
    await database.query(`SELECT notify_queue.enqueue('called')`);
    await database.query(`SELECT notify_queue.enqueue('called', '{"n": 1}', 'default', now() + interval '300 ms', 5::smallint)`);
    await until(() => seen.length === 3, { timeout: 5_000 });
    expect(seen).toEqual([null, null, { n: 1 }]);
  });
});
