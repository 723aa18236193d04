// The shop: one TypeORM connection, the queue on top of it, and the features that use both.
import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ExponentialRetry, NotifyQueueModule } from 'nestjs-notify-queue';
import { prometheusMetrics } from 'nestjs-notify-queue/prometheus';
import { ConfigsModule } from './configs/configs.module.js';
import { DatabaseModule } from './database/database.module.js';
import type { Database } from './database/database.js';
import { FirstStartModule } from './first-start/first-start.module.js';
import { InvoicingModule } from './invoicing/invoicing.module.js';
import { CreateOrders1795500000000 } from './orders/create-orders.migration.js';
import { ObservabilityModule } from './observability/observability.module.js';
import { printedTraces } from './observability/printed-traces.js';
import { OrdersModule } from './orders/orders.module.js';
import { QueueModule } from './queue/queue.module.js';
import type { Settings } from './settings.js';
import { SettingsModule } from './settings.module.js';

@Module({})
export class AppModule {
  static forRoot(settings: Settings, database: Database): DynamicModule {
    return {
      module: AppModule,
      imports: [
        DatabaseModule.forRoot(database),
        SettingsModule.forRoot(settings),
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: database.url,
          autoLoadEntities: true,
          migrations: [CreateOrders1795500000000],
          migrationsRun: true,
          // TypeORM's migrations take no lock: of instances that start together on an empty
          // database one makes the table, and the others try again.
          retryAttempts: 3,
          retryDelay: 1_000,
        }),
        NotifyQueueModule.forRoot({
          migrations: 'run',
          lease: settings.lease,
          middleware: [prometheusMetrics(), ...(settings.printTraces ? [printedTraces()] : [])],
          queues: {
            // Rendering takes the processor: on all instances together no more than eight at once.
            invoices: { concurrency: 4, globalConcurrency: 8, maxJobTime: '30s' },
            mail: {
              concurrency: 2, // batches of ten mails
              // What the mail provider allows us, from all instances together.
              rate: { limit: 100, per: '1s', burst: 20 },
              // Again after up to 0, 1, 3, 7 and 15 seconds, then the mail is abandoned.
              failureMode: ExponentialRetry({ times: 5, base: 2, jitter: true }),
            },
          },
        }),
        ConfigsModule,
        OrdersModule,
        InvoicingModule,
        QueueModule,
        ObservabilityModule,
        FirstStartModule,
      ],
    };
  }
}
