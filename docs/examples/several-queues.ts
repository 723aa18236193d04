import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { defineJob, getJobQueueToken, InjectJobQueue, type Job, JobHandler, JobQueue, NotifyQueueModule } from 'nestjs-notify-queue';

// #region several
export const Charge = defineJob<{ cents: number }>('charge', { jobQueue: 'billing' });

@Injectable()
export class Shop {
  constructor(
    readonly jobQueue: JobQueue, // the one without a name
    @InjectJobQueue('billing') readonly billing: JobQueue,
  ) {}

  order(cents: number) {
    return this.billing.enqueue(Charge, { cents });
  }

  @JobHandler(Charge)
  async charge(job: Job<{ cents: number }>) {
    return `charged ${job.payload.cents}`;
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: process.env['DATABASE_URL'], autoLoadEntities: true }),
    TypeOrmModule.forRoot({ type: 'postgres', url: process.env['BILLING_URL'], autoLoadEntities: true, name: 'money' }),
    NotifyQueueModule.forRoot(),
    NotifyQueueModule.forRoot({ name: 'billing', dataSource: 'money' }),
  ],
  providers: [Shop],
})
export class AppModule {}
// #endregion

// #region test
export const testing = Test.createTestingModule({ imports: [AppModule] })
  .overrideProvider(getJobQueueToken('billing'))
  .useValue({ enqueue: async () => ({ id: 'none', queue: 'default' }) });
// #endregion
