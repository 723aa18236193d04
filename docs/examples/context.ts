import { AsyncLocalStorage } from 'node:async_hooks';
import { Module } from '@nestjs/common';
import { ClsModule, ClsService } from 'nestjs-cls';
import { type JobMiddleware, NotifyQueueModule } from 'nestjs-notify-queue';

// #region storage
const tenants = new AsyncLocalStorage<string>();

const tenant: JobMiddleware = {
  enqueue(call, next) {
    call.context['tenant'] = tenants.getStore();
    return next();
  },
  run: (job, next) => tenants.run(String(job.context['tenant']), next),
};

export const queue = NotifyQueueModule.forRoot({ middleware: [tenant] });
// #endregion

// #region cls
export const withCls = (cls: ClsService): JobMiddleware => ({
  enqueue(call, next) {
    call.context['requestId'] = cls.getId();
    return next();
  },
  run: (job, next) =>
    cls.run(() => {
      cls.set('requestId', job.context['requestId']);
      return next();
    }),
});

@Module({
  imports: [
    ClsModule.forRoot({ global: true }),
    NotifyQueueModule.forRootAsync({
      inject: [ClsService],
      useFactory: (cls: ClsService) => ({ middleware: [withCls(cls)] }),
    }),
  ],
})
export class JobsModule {}
// #endregion

// #region report
export const reportErrors = (report: (error: unknown, about: object) => void): JobMiddleware => ({
  async run(job, next) {
    try {
      return await next();
    } catch (error) {
      report(error, { job: job.name, queue: job.queue, attempt: job.attempt });
      throw error; // what becomes of the job is not changed by it
    }
  },
});
// #endregion
