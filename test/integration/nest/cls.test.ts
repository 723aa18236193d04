import { Controller, Injectable, Module, Post, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { ClsModule, ClsService } from 'nestjs-cls';
import { JobHandler, JobQueue } from 'nestjs-notify-queue';
import type { DataSource } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { JobsModule, Orders, TransactionalJobsModule } from '../../../docs/examples/context.js';
import { useTestDatabase } from '../../support/database.js';
import { until } from '../../support/wait.js';

/** The recipes of the docs, as they stand there. */
describe('nestjs-cls', () => {
  const database = useTestDatabase();
  let app: INestApplication;
  afterEach(() => app.close());

  async function start(modules: object[], controllers: Array<new (...args: never[]) => object>, providers: object[] = []): Promise<void> {
    @Module({
      imports: [TypeOrmModule.forRoot({ type: 'postgres', url: database.url, autoLoadEntities: true, retryAttempts: 0 }), ...(modules as [])],
      controllers,
      providers: providers as [],
    })
    class AppModule {}
    app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
    await app.listen(0, '127.0.0.1');
  }

  it('the store of a request is that of the jobs it enqueues, and of what those enqueue', async () => {
    @Controller()
    @Injectable()
    class Web {
      constructor(
        private readonly cls: ClsService,
        private readonly jobQueue: JobQueue,
      ) {}
      @Post()
      async enqueue() {
        this.cls.set('tenant', 'acme');
        return { requestId: this.cls.getId(), job: await this.jobQueue.enqueue('first', {}) };
      }
      @JobHandler('first')
      async first() {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return this.jobQueue.enqueue('second', {});
      }
      @JobHandler('second')
      second() {
        return { ...this.cls.get() };
      }
      @JobHandler('alone')
      alone() {
        return { ...this.cls.get() };
      }
    }
    // The middleware of the module makes a store for each request.
    @Module({ imports: [ClsModule.forRoot({ global: true, middleware: { mount: true, generateId: true } })] })
    class ClsForRequests {}
    await start([ClsForRequests, JobsModule], [Web]);
    const queue = app.get(JobQueue);
    const answers = await Promise.all([1, 2].map(async () => (await fetch(await app.getUrl(), { method: 'POST' })).json() as any));
    expect(answers[0].requestId).not.toBe(answers[1].requestId);
    for (const { requestId, job } of answers) {
      const second = (await queue.result(job)) as { id: string };
      expect(await queue.result(second.id)).toMatchObject({ requestId, tenant: 'acme' });
    }
    const alone = await queue.enqueue('alone', {});
    expect(await queue.result(alone)).toEqual({});
  });

  it('@Transactional methods enqueue in their transaction, handlers too', async () => {
    await database.query('CREATE TABLE orders (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, confirmed boolean NOT NULL DEFAULT false)');
    const mailed: unknown[] = [];
    @Injectable()
    class Mails {
      @JobHandler('order.mail')
      async mail({ payload }: { payload: { id: number } }) {
        mailed.push(...(await app.get<DataSource>(getDataSourceToken()).query('SELECT id, confirmed FROM orders WHERE id = $1', [payload.id])));
      }
    }
    await start([TransactionalJobsModule], [], [Orders, Mails]);
    const queue = app.get(JobQueue);
    const cls = app.get(ClsService);
    const place = (id: number): Promise<void> => cls.run(() => app.get(Orders).place(id));
    await place(1);
    await until(() => mailed.length === 1);
    expect(mailed).toEqual([{ id: 1, confirmed: true }]);

    // Refused at the commit, when the job was enqueued already.
    await expect(place(1)).rejects.toMatchObject({ code: '23505' });
    expect((await queue.find({ name: 'order.confirm' })).jobs).toHaveLength(1);
    await database.query('ALTER TABLE orders ADD CHECK (id <> 2 OR NOT confirmed)');
    await place(2);
    await until(async () => (await queue.find({ name: 'order.confirm', state: 'abandoned' })).jobs.length === 1);
    expect((await queue.find({ name: 'order.confirm' })).jobs.map(({ state }) => state)).toEqual(['completed', 'abandoned']);
    expect((await queue.find({ name: 'order.mail' })).jobs).toHaveLength(1);

    const outside = await queue.enqueue('order.mail', { id: 2 });
    await queue.result(outside);
    expect(mailed).toHaveLength(2);
  });
});
