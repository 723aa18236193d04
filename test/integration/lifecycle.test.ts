import { setTimeout as sleep } from 'node:timers/promises';
import {
  Injectable,
  Module,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { lastValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { JobHandler, JobQueue, type Job } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { deferred, until } from '../support/wait.js';

describe('the life of an application', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m', shutdownGrace: '5s' });

  it('the first job starts after every other module’s bootstrap, the last one ends before any is destroyed', async () => {
    const events: string[] = [];
    const release = deferred();

    @Injectable()
    class Deep implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
      onModuleInit = () => slow('deep init');
      onApplicationBootstrap = () => slow('deep bootstrap');
      onModuleDestroy = () => slow('deep destroy');
    }
    @Module({ providers: [Deep], exports: [Deep] })
    class DeepModule {}

    @Injectable()
    class Feature implements OnApplicationBootstrap, OnModuleDestroy {
      constructor(readonly deep: Deep) {}
      onApplicationBootstrap = () => slow('feature bootstrap');
      onModuleDestroy = () => slow('feature destroy');

      @JobHandler('work')
      async work(): Promise<void> {
        events.push('job starts');
        await release.promise;
        await sleep(50);
        events.push('job ends');
      }
    }
    @Module({ imports: [DeepModule], providers: [Feature] })
    class FeatureModule {}

    async function slow(event: string): Promise<void> {
      await sleep(100);
      events.push(event);
    }

    await database.query(`INSERT INTO notify_queue.jobs (name) VALUES ('work')`);
    const app = await start({ imports: [FeatureModule] });
    await until(() => events.includes('job starts'));
    const closed = app.close();
    release.resolve();
    await closed;
    expect(events.indexOf('job starts')).toBe(3);
    expect(events.slice(0, 3).sort()).toEqual(['deep bootstrap', 'deep init', 'feature bootstrap']);
    expect(events[4]).toBe('job ends');
    expect(events.slice(5).sort()).toEqual(['deep destroy', 'feature destroy']);
    expect(await database.query(`SELECT state FROM notify_queue.job_history WHERE name = 'work'`)).toEqual([{ state: 'completed' }]);
  });

  it('jobs can be enqueued, and the configuration read, in every hook of another module', async () => {
    const hooks: string[] = [];

    @Injectable()
    class Hooked implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown {
      constructor(private readonly jobQueue: JobQueue) {}
      onModuleInit = () => this.enqueue('init');
      onApplicationBootstrap = () => this.enqueue('bootstrap');
      onModuleDestroy = () => this.enqueue('destroy');
      beforeApplicationShutdown = () => this.enqueue('before shutdown');
      onApplicationShutdown = () => this.enqueue('shutdown');

      private async enqueue(hook: string): Promise<void> {
        await this.jobQueue.enqueue('hooked', hook);
        hooks.push(hook);
      }
    }
    @Module({ providers: [Hooked] })
    class HookedModule {}

    const app = await start({ imports: [HookedModule], queue: { role: 'producer' } });
    await app.close();
    expect(hooks).toEqual(['init', 'bootstrap', 'destroy', 'before shutdown', 'shutdown']);
    const rows = await database.query(`SELECT payload FROM notify_queue.jobs WHERE name = 'hooked' ORDER BY id`);
    expect(rows.map(({ payload }) => payload)).toEqual(hooks);
  });

  it('what a handler needs is ready before the first job: dependency injection instead of a worker’s init state', async () => {
    class Connection {
      constructor(readonly opened: boolean) {}
    }
    @Injectable()
    class Printing {
      constructor(private readonly connection: Connection) {}
      @JobHandler('print')
      print() {
        return this.connection.opened;
      }
    }
    const [{ id }] = await database.query(`INSERT INTO notify_queue.jobs (name) VALUES ('print') RETURNING id`);
    const opening = { provide: Connection, useFactory: async () => (await sleep(200), new Connection(true)) };
    const { queue } = await start({ providers: [Printing, opening] });
    expect(await queue.result(id as string)).toBe(true);
  });

  it('a shutdown lets running jobs end, tells those that do not, and puts them back without losing an attempt', async () => {
    const reasons: unknown[] = [];
    const work = handle({
      short: () => sleep(200).then(() => 'done'),
      long: (job: Job) =>
        new Promise((_, reject) => job.signal.addEventListener('abort', () => reject(reasons.push((job.signal.reason as { code: string }).code)))),
      deaf: () => new Promise(() => {}),
    });
    const app = await start({ providers: [work], queue: { shutdownGrace: '500ms' } });
    const [short, long, deaf] = await Promise.all(['short', 'long', 'deaf'].map((name) => app.queue.enqueue(name, {})));
    await until(async () => (await app.queue.status('default')).reserved === 3);
    const startedAt = performance.now();
    await app.close();
    expect(performance.now() - startedAt).toBeLessThan(500 + 2_000);
    expect(reasons).toEqual(['SHUTDOWN']);
    const rows = await database.query(`SELECT id, state, attempt, crashes FROM notify_queue.all_jobs WHERE name IN ('short', 'long', 'deaf') ORDER BY id`);
    expect(rows).toEqual([
      { id: short!.id, state: 'completed', attempt: 1, crashes: 0 },
      { id: long!.id, state: 'available', attempt: 0, crashes: 0 },
      { id: deaf!.id, state: 'available', attempt: 0, crashes: 0 },
    ]);
    await database.query('TRUNCATE notify_queue.jobs');
  });

  it('closing right after the boot ends, although the listener is still connecting', async () => {
    for (let n = 0; n < 5; n++) {
      const app = await start({ providers: [handle({ any: () => null })] });
      const late = sleep(4_000, 'late', { ref: false });
      expect(await Promise.race([app.close(), late])).toBeUndefined();
    }
  });

  it('closing while jobs come in loses none', async () => {
    const runs = new Map<unknown, number>();
    const count = handle({ count: (job: Job) => void runs.set(job.payload, (runs.get(job.payload) ?? 0) + 1) });
    const producer = await start({ queue: { role: 'producer' } });
    let next = 0;
    let producing = true;
    const produce = async (): Promise<void> => {
      while (producing) await producer.queue.enqueueMany('count', Array.from({ length: 20 }, () => next++));
    };
    const done = produce();
    for (let n = 0; n < 4; n++) {
      const worker = await start({ providers: [count], queue: { defaults: { concurrency: 50 } } });
      await until(() => runs.size > n * 500 + 100);
      await worker.close();
    }
    producing = false;
    await done;
    await start({ providers: [count] });
    await until(() => runs.size === next, { timeout: 20_000 });
    expect([...runs.values()].filter((times) => times !== 1)).toEqual([]);
  });

  it('closing tells those who still wait for a job, and closing twice says nothing', async () => {
    const app = await start({ queue: { role: 'producer' } });
    const { id } = await app.queue.enqueue('later', {}, { delay: '1h' });
    const waiting = [lastValueFrom(app.queue.watch(id)), app.queue.result(id, { timeout: '1h' })];
    const told = Promise.all(waiting.map((wait) => wait.catch((error: { code?: string }) => error.code)));
    await until(async () => (await app.queue.get(id))?.state === 'scheduled');
    await app.app.close();
    expect(await told).toEqual(['QUEUE_CLOSED', 'QUEUE_CLOSED']);
    await expect(app.queue.result(id)).rejects.toMatchObject({ code: 'QUEUE_CLOSED' });
    await app.app.close();
    expect(app.logger.of('error')).toEqual([]);
  });
});
