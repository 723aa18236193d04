import 'reflect-metadata';
import type { INestApplicationContext, LoggerService, Type, DynamicModule, Provider } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { JobConfigs, JobQueue, NotifyQueueModule, type NotifyQueueExtras, type NotifyQueueOptions } from '../../lib/index.js';

export interface LogEntry {
  readonly level: string;
  readonly message: string;
  readonly params: unknown[];
}

/** Collects what an application logs, for assertions, and prints nothing. */
export class CollectingLogger implements LoggerService {
  readonly entries: LogEntry[] = [];
  log = (message: string, ...params: unknown[]): void => this.add('log', message, params);
  error = (message: string, ...params: unknown[]): void => this.add('error', message, params);
  warn = (message: string, ...params: unknown[]): void => this.add('warn', message, params);
  debug = (message: string, ...params: unknown[]): void => this.add('debug', message, params);
  verbose = (): void => undefined;

  of(level: string): string[] {
    return this.entries.filter((entry) => entry.level === level).map((entry) => entry.message);
  }

  private add(level: string, message: string, params: unknown[]): void {
    this.entries.push({ level, message: String(message), params });
  }
}

export interface TestApp {
  readonly app: INestApplicationContext;
  readonly queue: JobQueue;
  readonly configs: JobConfigs;
  readonly dataSource: DataSource;
  readonly logger: CollectingLogger;
  close(): Promise<void>;
}

export interface TestAppOptions {
  readonly url: string;
  readonly queue?: NotifyQueueOptions & NotifyQueueExtras;
  readonly providers?: Provider[];
  readonly imports?: Array<Type | DynamicModule>;
  readonly typeorm?: object;
}

/** Boots a Nest application with the queue on a test database, as one instance. */
export async function startApp({ url, queue, providers = [], imports = [], typeorm = {} }: TestAppOptions): Promise<TestApp> {
  @Module({
    imports: [
      TypeOrmModule.forRoot({ type: 'postgres', url, autoLoadEntities: true, retryAttempts: 0, ...typeorm }),
      NotifyQueueModule.forRoot({ ...queue }),
      ...imports,
    ],
    providers,
  })
  class AppModule {}

  const logger = new CollectingLogger();
  const app = await NestFactory.createApplicationContext(AppModule, { logger, abortOnError: false });
  return {
    app,
    queue: app.get(JobQueue),
    configs: app.get(JobConfigs),
    dataSource: app.get(DataSource),
    logger,
    close: () => app.close(),
  };
}
