import { Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, getRepositoryToken, TypeOrmModule } from '@nestjs/typeorm';
import { DataSource, type Repository } from 'typeorm';
import { describe, expect, it } from 'vitest';
import {
  JobConfigs,
  JobHandler,
  JobQueue,
  NotifyQueueModule,
  queueEntities,
  type JobEntity,
  type NotifyQueueOptions,
  type NotifyQueueOptionsFactory,
} from '../../lib/index.js';
import { CollectingLogger } from '../support/app.js';
import { endFailedBoots } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';

const OPTIONS = Symbol('options');

@Injectable()
class Ping {
  constructor(readonly jobQueue: JobQueue) {}

  @JobHandler('ping')
  ping() {
    return 'pong';
  }
}

@Injectable()
class OptionsService implements NotifyQueueOptionsFactory {
  constructor(@Inject(OPTIONS) private readonly options: NotifyQueueOptions) {}
  async createNotifyQueueOptions(): Promise<NotifyQueueOptions> {
    return this.options;
  }
}

/** Options from elsewhere, as a configuration module gives them. */
@Module({
  providers: [{ provide: OPTIONS, useFactory: async () => ({ queues: { default: { concurrency: 7 } } }) }, OptionsService],
  exports: [OPTIONS, OptionsService],
})
class OptionsModule {}

describe('NotifyQueueModule', () => {
  const database = useTestDatabase();
  const empty = useTestDatabase();
  const typeorm = (options: object = {}): DynamicModule =>
    TypeOrmModule.forRoot({ type: 'postgres', url: database.url, autoLoadEntities: true, retryAttempts: 0, ...options });

  /** Boots, runs one job, and tells what was logged about its handler. */
  async function bootAndPing(imports: Array<DynamicModule | (new () => object)>, providers: Array<new (...args: never[]) => object> = [Ping]): Promise<string> {
    @Module({ imports, providers })
    class AppModule {}
    const logger = new CollectingLogger();
    const app = await NestFactory.createApplicationContext(AppModule, { logger, abortOnError: false });
    try {
      const queue = app.get(JobQueue);
      const { id } = await queue.enqueue('ping', {});
      expect(await queue.result(id)).toBe('pong');
      return logger.of('log').find((text) => text.startsWith('Mapped {ping')) ?? '';
    } finally {
      await app.close();
    }
  }

  const MAPPED = 'Mapped {ping, queue default, concurrency 7} job handler to Ping.ping';

  it('forRootAsync with useFactory, imports and inject', async () => {
    const queue = NotifyQueueModule.forRootAsync({
      imports: [OptionsModule],
      inject: [OPTIONS],
      useFactory: async (options: NotifyQueueOptions) => options,
    });
    expect(await bootAndPing([typeorm(), queue])).toBe(MAPPED);
  });

  it('forRootAsync with useClass', async () => {
    const queue = NotifyQueueModule.forRootAsync({ imports: [OptionsModule], useClass: OptionsService });
    expect(await bootAndPing([typeorm(), queue])).toBe(MAPPED);
  });

  it('forRootAsync with useExisting', async () => {
    const queue = NotifyQueueModule.forRootAsync({ imports: [OptionsModule], useExisting: OptionsService });
    expect(await bootAndPing([typeorm(), queue])).toBe(MAPPED);
  });

  it('forRootAsync with extras beside the factory: schema, data source, isGlobal', async () => {
    const queue = NotifyQueueModule.forRootAsync({
      schema: 'beside',
      useFactory: () => ({ migrations: 'run' as const, queues: { default: { concurrency: 7 } } }),
    });
    expect(await bootAndPing([typeorm(), queue])).toBe(MAPPED);
    expect(await database.query('SELECT name, state FROM beside.job_history')).toEqual([{ name: 'ping', state: 'completed' }]);
  });

  it('forRootAsync checks what the factory gives', async () => {
    const queue = NotifyQueueModule.forRootAsync({ useFactory: () => ({ leese: '15s' }) as NotifyQueueOptions });
    await expect(bootAndPing([typeorm(), queue])).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'leese' });
    await endFailedBoots(database);
  });

  it('uses the data source that is named, beside another one', async () => {
    @Injectable()
    class Both {
      constructor(
        readonly main: DataSource,
        @Inject(getDataSourceToken('jobs')) readonly jobs: DataSource,
        @Inject(getRepositoryToken(queueEntities().Job, 'jobs')) readonly repository: Repository<JobEntity>,
        readonly jobQueue: JobQueue,
      ) {}

      @JobHandler('ping')
      async ping() {
        return (await this.repository.find()).length === 1 ? 'pong' : 'not my table';
      }
    }
    const imports = [typeorm({ url: empty.url }), typeorm({ name: 'jobs' }), NotifyQueueModule.forRoot({ dataSource: 'jobs' })];
    await bootAndPing(imports, [Both]);
    expect(await empty.query('SELECT 1 FROM notify_queue.job_history')).toEqual([]);
  });

  it('names the data source in the error when its entities are missing', async () => {
    const imports = [typeorm({ name: 'jobs', autoLoadEntities: false }), NotifyQueueModule.forRoot({ dataSource: 'jobs' })];
    await expect(bootAndPing(imports)).rejects.toMatchObject({
      code: 'ENTITIES_NOT_REGISTERED',
      message: expect.stringMatching(/data source 'jobs'/),
    });
    await endFailedBoots(database);
  });

  it('is global by default: a module that imports nothing injects JobQueue and JobConfigs', async () => {
    @Injectable()
    class Far {
      constructor(readonly jobQueue: JobQueue, readonly configs: JobConfigs) {}

      @JobHandler('ping')
      async ping() {
        return (await this.configs.list()).length >= 0 && this.jobQueue ? 'pong' : '';
      }
    }
    @Module({ providers: [Far] })
    class FarModule {}
    await expect(bootAndPing([typeorm(), NotifyQueueModule.forRoot(), FarModule], [])).resolves.toContain('Far.ping');
  });

  it('with isGlobal: false is for those who import it', async () => {
    const queue = NotifyQueueModule.forRoot({ isGlobal: false });
    @Module({ providers: [Ping] })
    class Outside {}
    await expect(bootAndPing([typeorm(), queue, Outside], [])).rejects.toThrow(/can't resolve dependencies of the Ping/);
    await endFailedBoots(database);
    @Module({ imports: [queue], providers: [Ping] })
    class Inside {}
    await expect(bootAndPing([typeorm(), queue, Inside], [])).resolves.toContain('Ping.ping');
  });
});
