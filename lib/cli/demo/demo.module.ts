import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ExponentialRetry } from '../../core/failure-modes.js';
import { JobHandler } from '../../decorators/job-handler.decorator.js';
import type { Job } from '../../interfaces/job.interface.js';
import { NotifyQueueModule } from '../../notify-queue.module.js';

/** Of the jobs that fail now and then. */
const FAILURE_RATE = 0.2;

@Injectable()
class DemoHandlers {
  @JobHandler('mail.send', { queue: 'mail' })
  async send({ signal }: Job): Promise<void> {
    await sleep(5, undefined, { signal });
  }

  @JobHandler('report.build', { queue: 'reports' })
  async build({ signal }: Job): Promise<void> {
    await sleep(50 + Math.random() * 200, undefined, { signal });
  }

  @JobHandler('webhook.call', { queue: 'webhooks', failureMode: ExponentialRetry({ times: 5, base: 2 }) })
  async call({ signal }: Job): Promise<void> {
    await sleep(10, undefined, { signal });
    if (Math.random() < FAILURE_RATE) throw new Error('503 Service Unavailable');
  }
}

/** How many jobs of a hundred are of which name. */
export const DEMO_JOBS = [
  ['mail.send', 'mail', 75],
  ['report.build', 'reports', 5],
  ['webhook.call', 'webhooks', 20],
] as const;

@Module({})
export class DemoModule {
  static forRoot(url: string, schema: string): DynamicModule {
    return {
      module: DemoModule,
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url, autoLoadEntities: true, retryAttempts: 0 }),
        NotifyQueueModule.forRoot({
          schema,
          migrations: 'run',
          shutdownGrace: '1s',
          queues: { mail: { concurrency: 100 }, reports: { concurrency: 50 }, webhooks: { concurrency: 50 } },
        }),
      ],
      providers: [DemoHandlers],
    };
  }
}
