import { strictEqual } from 'node:assert';
import { Injectable, Module, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { defineJob, JobHandler, JobQueue, Retry, type Job } from 'nestjs-notify-queue';
import { getJobQueueTester, NotifyQueueTestingModule, withTestQueue, type JobQueueTester } from 'nestjs-notify-queue/testing';

export const SendInvoice = defineJob<{ orderId: string }, { pages: number }>('invoice.send', { failureMode: Retry({ times: 2, delay: '1h' }) });

@Injectable()
export class Orders {
  constructor(private readonly jobQueue: JobQueue) {}

  async place(orderId: string): Promise<void> {
    await this.jobQueue.enqueue(SendInvoice, { orderId }, { delay: '5m' });
  }
}

@Injectable()
export class Invoices {
  @JobHandler(SendInvoice)
  send({ payload }: Job<{ orderId: string }>) {
    if (payload.orderId === '') throw new Error('no such order');
    return { pages: 2 };
  }
}

@Module({ providers: [Orders, Invoices] })
export class ShopModule {}

// #region unit
export async function oneModuleWithoutDatabase(): Promise<void> {
  const module = await Test.createTestingModule({
    imports: [NotifyQueueTestingModule.forRoot({ mode: 'manual' }), ShopModule],
  }).compile();
  await module.init();
  const jobs = getJobQueueTester(module);

  await module.get(Orders).place('7');
  await jobs.expectEnqueued(SendInvoice, { payload: { orderId: '7' }, delay: '5m' });

  await jobs.advance('5m');
  const [job] = await jobs.drain();
  strictEqual(job?.state, 'completed');
  await module.close();
}
// #endregion

declare const AppModule: typeof ShopModule;
declare function post(app: INestApplication, path: string): Promise<void>;

// #region application
export async function wholeApplication(): Promise<void> {
  const builder = Test.createTestingModule({ imports: [AppModule] }); // with its NotifyQueueModule and its data source
  const module = await withTestQueue(builder, { mode: 'inline' }).compile();
  const app = await module.createNestApplication().init();
  const jobs = getJobQueueTester(app);

  await post(app, '/orders/7');
  await jobs.advance('5m'); // the delayed job gets due, and runs
  await jobs.expectEnqueued(SendInvoice, { payload: { orderId: '7' }, state: 'completed' });
  await app.close();
}
// #endregion

// #region retries
export async function retries(jobs: JobQueueTester): Promise<void> {
  await jobs.queue.enqueue(SendInvoice, { orderId: '' });
  await jobs.drain({ scheduled: true }); // the clock goes on to each retry
  const job = await jobs.expectEnqueued(SendInvoice, { state: 'abandoned' });
  strictEqual(job.attempt, 3);
  strictEqual(job.failure?.message, 'no such order');
}
// #endregion

// #region real
export async function realQueue(app: INestApplication): Promise<void> {
  const jobs = getJobQueueTester(app); // of an application with NotifyQueueModule and a PostgreSQL
  const job = await jobs.queue.enqueue(SendInvoice, { orderId: '7' });
  const { result } = await jobs.waitFor(job, 'completed', { timeout: '10s' });
  strictEqual(result?.pages, 2);
  await jobs.waitFor(SendInvoice, 'completed', { payload: { orderId: '8' } });
}
// #endregion
