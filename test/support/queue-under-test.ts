import { setTimeout as sleep } from 'node:timers/promises';
import { Module, type INestApplicationContext, type Provider } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { JobConfigs, JobQueue, NotifyQueueModule, type NotifyQueueOptions } from '../../lib/index.js';
import { getJobQueueTester, withTestQueue, type JobQueueTester } from '../../lib/testing/index.js';
import { CollectingLogger } from './app.js';
import { until } from './wait.js';

/** A queue, real or fake, with what a test needs to make jobs run. */
export interface QueueUnderTest {
  readonly app: INestApplicationContext;
  readonly queue: JobQueue;
  readonly configs: JobConfigs;
  readonly dataSource: DataSource;
  readonly tester: JobQueueTester;
  /** Resolves when no job is due any more. */
  settle(): Promise<void>;
  /** Lets so many milliseconds pass, and what gets due run. */
  later(ms: number): Promise<void>;
}

export const KINDS = ['PostgreSQL', 'manual', 'inline'] as const;

/** Starts the same application with a queue of this kind. */
export async function startQueue(kind: (typeof KINDS)[number], url: string, providers: Provider[], options: NotifyQueueOptions = {}): Promise<QueueUnderTest> {
  @Module({
    imports: [
      TypeOrmModule.forRoot({ type: 'postgres', url, autoLoadEntities: true, retryAttempts: 0 }),
      NotifyQueueModule.forRoot({ migrations: 'none', ...options }),
    ],
    providers,
  })
  class AppModule {}

  const builder = Test.createTestingModule({ imports: [AppModule] }).setLogger(new CollectingLogger());
  const app = await (kind === 'PostgreSQL' ? builder : withTestQueue(builder, { mode: kind })).compile();
  await app.init();
  const queue = app.get(JobQueue);
  const tester = getJobQueueTester(app);
  const isIdle = async (): Promise<boolean> =>
    (await queue.status()).queues.every(({ queue: name, available, reserved, suspended }) => {
      return reserved === 0 && (available === 0 || suspended || !options.queues?.[name]);
    });
  const settle = async (): Promise<void> => {
    if (kind === 'PostgreSQL') await until(isIdle);
    else if (kind === 'manual') await tester.drain();
    else await tester.advance(0);
  };
  return {
    app,
    queue,
    configs: app.get(JobConfigs),
    dataSource: app.get(DataSource),
    tester,
    settle,
    async later(ms) {
      if (kind === 'PostgreSQL') await sleep(ms);
      else await tester.advance(ms);
      await settle();
    },
  };
}
