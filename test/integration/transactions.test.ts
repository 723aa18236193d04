import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager } from 'typeorm';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { deferred, until } from '../support/wait.js';

describe('a job in a transaction', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const stored = async (): Promise<number> => (await database.query('SELECT count(*)::int AS n FROM notify_queue.all_jobs'))[0].n;
  const clear = (): Promise<unknown> => database.query('TRUNCATE notify_queue.jobs, notify_queue.job_history');

  it('exists with the row that it belongs to, or not at all', async () => {
    await database.query('CREATE TABLE orders (id int PRIMARY KEY)');
    const seen: unknown[] = [];
    const { queue, dataSource } = await start({
      providers: [
        handle({
          send: async (job: Job<number>) => {
            seen.push((await database.query('SELECT id FROM orders WHERE id = $1', [job.payload])).length);
          },
        }),
      ],
    });
    const order = (id: number): Promise<string> =>
      dataSource.transaction(async (manager) => {
        const job = await queue.enqueue('send', id, { manager });
        await manager.query('INSERT INTO orders VALUES ($1)', [id]);
        return job.id;
      });
    await queue.result(await order(1));
    await expect(order(1)).rejects.toMatchObject({ code: '23505' });
    await queue.result(await order(2));
    expect(seen).toEqual([1, 1]);
    expect(await stored()).toBe(2);
  });

  it('is invisible until the commit, however late that is, and starts at once then', async () => {
    await clear();
    let startedAt = 0;
    const { queue, dataSource } = await start({ providers: [handle({ late: () => void (startedAt = performance.now()) })] });
    const commit = deferred();
    const ids: string[] = [];
    const open = dataSource.transaction(async (manager) => {
      ids.push((await queue.enqueue('late', {}, { manager })).id);
      await commit.promise;
    });
    await until(() => ids.length === 1);
    const other = await queue.enqueue('late', {});
    await queue.result(other.id);
    expect(await queue.get(ids[0]!)).toBeUndefined();
    startedAt = 0;
    commit.resolve();
    await open;
    const committedAt = performance.now();
    await queue.result(ids[0]!);
    expect(startedAt - committedAt).toBeLessThan(500);
  });

  it('goes with its savepoint', async () => {
    await clear();
    const { queue, dataSource } = await start();
    await dataSource.transaction(async (manager) => {
      await queue.enqueue('kept', {}, { manager });
      const inner = manager.transaction(async (nested) => {
        await queue.enqueueMany('dropped', [1, 2, 3], { manager: nested });
        throw new Error('inner');
      });
      await expect(inner).rejects.toThrow('inner');
    });
    expect((await queue.find()).jobs.map(({ name }) => name)).toEqual(['kept']);
  });

  it('leaves the caller’s isolation level, role and settings as they are', async () => {
    const { queue, dataSource } = await start();
    await dataSource.transaction('SERIALIZABLE', async (manager) => {
      await manager.query(`SET LOCAL statement_timeout = '7s'`);
      await queue.enqueue('any', {}, { manager });
      const [settings] = await manager.query(`SELECT current_setting('transaction_isolation') AS level, current_setting('statement_timeout') AS timeout`);
      expect(settings).toEqual({ level: 'serializable', timeout: '7s' });
    });
  });

  it('a database error in the caller’s transaction reaches the caller unchanged', async () => {
    const { queue, dataSource } = await start();
    const failed = dataSource.transaction(async (manager) => {
      await manager.query('SELECT 1 / 0').catch(() => undefined);
      await queue.enqueue('any', {}, { manager });
    });
    await expect(failed).rejects.toMatchObject({ name: 'QueryFailedError', code: '25P02' });
  });
});

describe('resolveManager', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const ambient = new AsyncLocalStorage<EntityManager>();
  const resolveManager = () => ambient.getStore();

  it('an enqueue without manager joins the ambient transaction, and a rollback leaves nothing', async () => {
    const { queue, dataSource } = await start({ providers: [handle({ ping: () => 'pong' })], queue: { resolveManager } });
    const inTransaction = <T>(work: () => Promise<T>): Promise<T> => dataSource.transaction((manager) => ambient.run(manager, work));
    const deep = async (): Promise<string> => (await queue.enqueue('ping', {})).id;

    const id = await inTransaction(async () => {
      const inner = await deep();
      expect(await database.query('SELECT 1 FROM notify_queue.jobs')).toEqual([]);
      return inner;
    });
    expect(await queue.result(id)).toBe('pong');

    const lost: string[] = [];
    const rolledBack = inTransaction(async () => {
      lost.push(await deep(), ...(await queue.enqueueMany('ping', [1, 2])).map((job) => job.id));
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    expect(await Promise.all(lost.map((one) => queue.get(one)))).toEqual([undefined, undefined, undefined]);
  });

  it('an explicit manager goes before it, and without any transaction a job is committed by itself', async () => {
    const { queue, dataSource } = await start({ queue: { resolveManager } });
    const rolledBack = dataSource.transaction((manager) =>
      ambient.run(manager, async () => {
        await dataSource.transaction((other) => queue.enqueue('explicit', {}, { manager: other }));
        throw new Error('no');
      }),
    );
    await expect(rolledBack).rejects.toThrow('no');
    await queue.enqueue('none', {});
    await ambient.run(dataSource.manager, () => queue.enqueue('idle', {}));
    expect((await queue.find({ state: 'available' })).jobs.map(({ name }) => name)).toEqual(['explicit', 'none', 'idle']);
  });

  it('that throws fails the enqueue, and nothing is stored outside of the transaction', async () => {
    const broken = (): never => {
      throw new Error('no context');
    };
    const { queue } = await start({ queue: { resolveManager: broken } });
    const before = await queue.find();
    await expect(queue.enqueue('any', {})).rejects.toThrow('no context');
    expect((await queue.find()).jobs).toHaveLength(before.jobs.length);
  });

  it.each<[string, () => unknown]>([
    ['a promise', async () => undefined],
    ['an object', () => ({})],
    ['null', () => null],
  ])('is refused when resolveManager gives %s, which would leave it outside of the transaction', async (_what, resolveManager) => {
    const { queue } = await start({ queue: { role: 'producer', resolveManager: resolveManager as () => undefined } });
    await expect(queue.enqueue('unmanaged', 1)).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'resolveManager()' });
    expect((await queue.find({ name: 'unmanaged' })).jobs).toEqual([]);
  });
});
