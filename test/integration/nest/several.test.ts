import { Injectable, Module, type DynamicModule } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { getRepositoryToken, TypeOrmModule } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import {
  defineJob,
  getJobConfigsToken,
  getJobQueueToken,
  InjectJobConfigs,
  InjectJobQueue,
  type Job,
  type JobConfigs,
  JobHandler,
  JobQueue,
  NotifyQueueModule,
  queueEntities,
  type JobEntity,
} from '../../../lib/index.js';
import { CollectingLogger } from '../../support/app.js';
import { endFailedBoots } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';

const Charge = defineJob<{ cents: number }, string>('charge', { jobQueue: 'billing' });

@Injectable()
class Shop {
  constructor(
    readonly jobQueue: JobQueue,
    @InjectJobQueue('billing') readonly billing: JobQueue,
    @InjectJobConfigs('billing') readonly billingConfigs: JobConfigs,
  ) {}

  @JobHandler('charge')
  byDefault(job: Job<{ cents: number }>): string {
    return `default charged ${job.payload.cents}`;
  }

  @JobHandler(Charge)
  byBilling(job: Job<{ cents: number }>): string {
    return `billing charged ${job.payload.cents}`;
  }
}

describe('several NotifyQueueModule.forRoot', () => {
  const database = useTestDatabase();
  const other = useTestDatabase();
  const opened: Array<() => Promise<void>> = [];
  afterEach(async () => {
    for (const close of opened.splice(0)) await close();
  });
  const typeorm = (options: object = {}): DynamicModule =>
    TypeOrmModule.forRoot({ type: 'postgres', url: database.url, autoLoadEntities: true, retryAttempts: 0, ...options });

  async function boot(imports: Array<DynamicModule>, provider: new (...args: never[]) => object = Shop) {
    @Module({ imports, providers: [provider] })
    class AppModule {}
    const app = (await Test.createTestingModule({ imports: [AppModule] }).setLogger(new CollectingLogger()).compile()).createNestApplication();
    await app.init();
    opened.push(() => app.close());
    return app;
  }

  it.each([
    ['schemas of one data source', () => [typeorm(), NotifyQueueModule.forRoot({ name: 'billing', schema: 'billing', migrations: 'run' })]],
    [
      'data sources',
      () => [
        typeorm(),
        typeorm({ name: 'money', url: other.url }),
        NotifyQueueModule.forRootAsync({ name: 'billing', dataSource: 'money', useFactory: () => ({ sweepInterval: '1m' }) }),
      ],
    ],
  ] as Array<[string, () => DynamicModule[]]>)('run their own handlers in their own %s', async (_, imports) => {
    const app = await boot([...imports(), NotifyQueueModule.forRoot()]);
    const { jobQueue, billing, billingConfigs } = app.get(Shop);
    expect(jobQueue).not.toBe(billing);
    expect(app.get(getJobQueueToken('billing'), { strict: false })).toBe(billing);
    expect(app.get(getJobQueueToken())).toBe(jobQueue);
    const ours = await jobQueue.enqueue('charge', { cents: 1 });
    const theirs = await billing.enqueue(Charge, { cents: 2 });
    expect(await jobQueue.result(ours)).toBe('default charged 1');
    expect(await billing.result(theirs)).toBe('billing charged 2');
    expect(await jobQueue.get(theirs.id)).toBeUndefined();
    await billingConfigs.set('rate', '5');
    expect(await app.get<JobConfigs>(getJobConfigsToken()).list()).toEqual([]);
    expect(await billingConfigs.list()).toMatchObject([{ key: 'rate', value: '5' }]);
  });

  it('have repositories of their own', async () => {
    const app = await boot([typeorm(), NotifyQueueModule.forRoot(), NotifyQueueModule.forRoot({ name: 'billing', schema: 'billing', migrations: 'run' })]);
    const { jobQueue } = app.get(Shop);
    const job = await jobQueue.enqueue('charge', { cents: 1 }, { delay: '1h' });
    const jobsOf = (schema?: string) => app.get<Repository<JobEntity>>(getRepositoryToken(queueEntities(schema).Job), { strict: false });
    expect(await jobsOf().findOneBy({ id: job.id })).toMatchObject({ name: 'charge' });
    expect(await jobsOf('billing').findOneBy({ id: job.id })).toBeNull();
    await jobQueue.cancel(job.id);
  });

  it('refuse a definition of another one, and say where it goes', async () => {
    const app = await boot([typeorm(), NotifyQueueModule.forRoot(), NotifyQueueModule.forRoot({ name: 'billing', schema: 'billing', migrations: 'run' })]);
    await expect(app.get(JobQueue).enqueue(Charge, { cents: 1 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message:
        "'job' is the definition of 'charge' for JobQueue 'billing'; expected one for JobQueue 'default': inject the other one with @InjectJobQueue('billing').",
    });
  });

  it('can be replaced in tests by their tokens', async () => {
    @Injectable()
    class Caller {
      constructor(@InjectJobQueue('billing') readonly billing: JobQueue) {}
    }
    const fake = { enqueue: async () => ({ id: 'fake' }) };
    @Module({ imports: [typeorm(), NotifyQueueModule.forRoot({ name: 'billing' })], providers: [Caller] })
    class AppModule {}
    const module = await Test.createTestingModule({ imports: [AppModule] }).setLogger(new CollectingLogger()).overrideProvider(getJobQueueToken('billing')).useValue(fake).compile();
    const app = module.createNestApplication();
    await app.init();
    opened.push(() => app.close());
    expect(app.get(Caller).billing).toBe(fake);
  });

  const billing = () => NotifyQueueModule.forRoot({ name: 'billing', schema: 'billing', migrations: 'run' });
  it.each([
    ['of one name', () => [typeorm(), NotifyQueueModule.forRoot(), billing(), NotifyQueueModule.forRoot({ name: 'billing', schema: 'bills' })], 'DUPLICATE_MODULE', /twice under the name 'billing'/],
    ['whose handlers name one that is not there', () => [typeorm(), NotifyQueueModule.forRoot()], 'INVALID_HANDLER', /^Orphan\.byNobody handles jobs of JobQueue 'nobody'.*Known: default\.$/],
  ] as Array<[string, () => DynamicModule[], string, RegExp]>)('%s stop the boot', async (_, imports, code, message) => {
    @Injectable()
    class Orphan {
      @JobHandler('orphan', { jobQueue: 'nobody' })
      byNobody(): void {}
    }
    await expect(boot(imports(), Orphan)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await endFailedBoots(database);
  });

  it.each([['', /'name' is ''/], [7, /'name' is 7/]])('of a bad name %j are refused', (name, message) => {
    expect(() => NotifyQueueModule.forRoot({ name: name as string })).toThrow(message);
  });
});
