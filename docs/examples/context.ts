import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, Module } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import { ClsPluginTransactional, InjectTransactionHost, Transactional, TransactionHost } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { ClsModule, ClsService, type ClsStore } from 'nestjs-cls';
import { type Job, JobHandler, type JobMiddleware, JobQueue, NotifyQueueModule } from 'nestjs-notify-queue';

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
declare module 'nestjs-cls' {
  interface ClsStore {
    requestId?: string;
    tenant?: string;
  }
}

export const withCls = (cls: ClsService): JobMiddleware => ({
  enqueue(call, next) {
    const { requestId = cls.getId(), tenant } = cls.get() ?? {};
    Object.assign(call.context, { requestId, tenant });
    return next();
  },
  run: (job, next) =>
    cls.run(() => {
      const { requestId, tenant } = job.context as ClsStore;
      cls.set('requestId', requestId);
      cls.set('tenant', tenant);
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

// #region transactional
@Module({
  imports: [
    ClsModule.forRoot({
      global: true,
      plugins: [new ClsPluginTransactional({ adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: getDataSourceToken() }) })],
    }),
    NotifyQueueModule.forRootAsync({
      inject: [ClsService, TransactionHost],
      useFactory: (cls: ClsService, host: TransactionHost<TransactionalAdapterTypeOrm>) => ({
        resolveManager: () => host.tx,
        middleware: [{ run: (_job, next) => cls.run(next) }], // for handlers that are @Transactional() themselves
      }),
    }),
  ],
})
export class TransactionalJobsModule {}

@Injectable()
export class Orders {
  constructor(
    @InjectTransactionHost() private readonly host: TransactionHost<TransactionalAdapterTypeOrm>,
    private readonly jobQueue: JobQueue,
  ) {}

  @Transactional()
  async place(id: number): Promise<void> {
    await this.host.tx.query('INSERT INTO orders VALUES ($1)', [id]);
    await this.jobQueue.enqueue('order.confirm', { id }); // in the same transaction, without `manager`
  }

  @JobHandler('order.confirm')
  @Transactional()
  async confirm({ payload }: Job<{ id: number }>): Promise<void> {
    await this.host.tx.query('UPDATE orders SET confirmed = true WHERE id = $1', [payload.id]);
    await this.jobQueue.enqueue('order.mail', { id: payload.id }); // only if the rest of this method succeeds
  }
}
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
