import 'reflect-metadata';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { packageRoot } from '../../src/package-root.mjs';
import { CONCURRENCY, told } from './contender.mjs';

const { Abandon, JobHandler, JobQueue, NotifyQueueModule, Retry } = await import(pathToFileURL(join(packageRoot, 'dist/lib/index.js')).href);
const STATES = { scheduled: 'waiting', available: 'waiting', reserved: 'running', completed: 'completed', abandoned: 'failed', cancelled: 'failed' };

const quiet = () => {};
/** What it warns of counts as an error that it reports. */
const LOGGER = { log: quiet, debug: quiet, verbose: quiet, warn: told, error: told, fatal: told };

/** This package in a Nest application context. */
export default class Ours {
  /** @param {import('./contender.mjs').Options} options */
  constructor(options) {
    this.options = options;
  }

  async setup() {
    await this.#open();
  }

  async work(run) {
    class Handlers {}
    const handle = { configurable: true, writable: true, value: (job) => run(job.payload, job.signal, job.id) };
    Object.defineProperty(Handlers.prototype, 'handle', handle);
    const { timeoutSeconds, once } = this.options;
    JobHandler('work', {
      queue: 'faults',
      failureMode: once ? Abandon() : Retry({ times: 3, delay: '1s' }),
      ...(timeoutSeconds && { maxJobTime: timeoutSeconds * 1_000 }),
    })(Handlers.prototype, 'handle', handle);
    Injectable()(Handlers);
    await this.#open([Handlers]);
  }

  async enqueue(payload, key) {
    const queue = (await this.#open()).get(JobQueue);
    return (await queue.enqueue('work', payload, { queue: 'faults', ...(key && { id: key }) })).id;
  }

  async job(id) {
    const job = await (await this.#open()).get(JobQueue).get(id);
    return job ? { state: STATES[job.state], error: job.failure?.message, result: job.result } : { state: 'gone' };
  }

  async counts() {
    const counts = { waiting: 0, running: 0, failed: 0, completed: 0 };
    const rows = await (await this.#open()).get(DataSource).query('SELECT state, count(*)::int AS jobs FROM notify_queue.all_jobs GROUP BY state');
    for (const { state, jobs } of rows) counts[STATES[state]] += jobs;
    return counts;
  }

  async close() {
    await (await this.app)?.close();
  }

  #open(providers) {
    return (this.app ??= this.#boot(providers));
  }

  async #boot(providers) {
    const { url, lease, poll } = this.options;
    class AppModule {}
    Module({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url, autoLoadEntities: true }),
        NotifyQueueModule.forRoot({
          migrations: 'run',
          role: providers ? 'all' : 'producer',
          queues: { faults: { concurrency: CONCURRENCY } },
          ...(lease === 'ten' && { lease: '10s' }),
          ...(poll === 'minute' && { sweepInterval: '1m' }),
        }),
      ],
      providers,
    })(AppModule);
    const app = await NestFactory.createApplicationContext(AppModule, { logger: LOGGER, abortOnError: false });
    return app.enableShutdownHooks();
  }
}
