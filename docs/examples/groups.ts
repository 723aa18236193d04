import { Injectable, Module } from '@nestjs/common';
import { defineJob, JobConfigs, JobHandler, NotifyQueueModule, type Job } from 'nestjs-notify-queue';

// #region define
export const Deliver = defineJob<{ customer: string; url: string }>('webhook.deliver', {
  queue: 'webhooks',
  group: ({ customer }) => customer,
});

@Injectable()
export class Webhooks {
  @JobHandler(Deliver)
  async deliver({ payload, signal }: Job<{ customer: string; url: string }>) {
    await fetch(payload.url, { method: 'POST', signal });
  }
}
// #endregion

// #region options
@Module({
  imports: [
    NotifyQueueModule.forRoot({
      queues: { webhooks: { concurrency: 50, groups: { concurrency: 3, rate: { limit: 10, per: '1s' } } } },
    }),
  ],
  providers: [Webhooks],
})
export class WebhooksModule {}
// #endregion

@Injectable()
export class Support {
  constructor(private readonly configs: JobConfigs) {}

  // #region configs
  async slowDown(customer: string): Promise<void> {
    await this.configs.set(`webhooks_group_concurrency:${customer}`, '1');
    await this.configs.set(`webhooks_group_rate:${customer}`, '30/1m');
  }
  // #endregion
}
