import 'reflect-metadata';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { packageRoot, versionIn } from '../package-root.mjs';
import { blockGroups, fillHistory, replaceTrigger } from './ours-tables.mjs';

const { defineJob, JobHandler, JobQueue, NotifyQueueModule } = await import(pathToFileURL(join(packageRoot, 'dist/lib/index.js')).href);

/** This package in a Nest application context, with its default options unless a scenario says otherwise. */
export default class Ours {
  version = versionIn(packageRoot);
  /** @type {Promise<import('@nestjs/common').INestApplicationContext> | undefined} */
  #app;

  static async create(options) {
    return new Ours(options);
  }

  /** @param {import('./adapter.mjs').AdapterOptions} options */
  constructor(options) {
    this.options = options;
    this.settings = {
      ...(options.history === false && { retention: 'none' }),
      ...(options.trigger && { trigger: options.trigger }),
      ...(options.callers && { 'TypeORM poolSize': options.callers }),
    };
  }

  async setup() {
    await this.#open();
    if (this.options.trigger) await replaceTrigger(await this.#dataSource(), this.options.trigger);
  }

  async enqueue(queue, job) {
    await (await this.#jobQueue()).enqueue(`${queue}.job`, job, { queue });
  }

  async enqueueMany(queue, jobs, delaySeconds, grouped) {
    if (grouped) return void (await (await this.#jobQueue()).enqueueMany(groupedJob(queue), jobs));
    await (await this.#jobQueue()).enqueueMany(`${queue}.job`, jobs, { queue, ...(delaySeconds && { delay: delaySeconds * 1_000 }) });
  }

  async transact(queue, job, inside) {
    const jobQueue = await this.#jobQueue();
    await (await this.#dataSource()).transaction(async (manager) => {
      await jobQueue.enqueue(`${queue}.job`, job, { queue, manager });
      await inside();
    });
  }

  async work(handlers) {
    class Handlers {}
    const queues = {};
    for (const [queue, { onJob, concurrency }] of Object.entries(handlers)) {
      addHandler(Handlers, queue, onJob);
      if (concurrency) queues[queue] = { concurrency };
    }
    Injectable()(Handlers);
    await this.#open([Handlers], queues);
  }

  async suspend(queue) {
    await (await this.#jobQueue()).suspend(queue);
  }

  async resume(queue) {
    await (await this.#jobQueue()).resume(queue);
  }

  async remaining(queue) {
    const dataSource = await this.#dataSource();
    const [row] = await dataSource.query('SELECT count(*)::integer AS jobs FROM notify_queue.jobs WHERE queue = $1', [queue]);
    return row.jobs;
  }

  async fillHistory(jobs) {
    await fillHistory(await this.#dataSource(), jobs);
  }

  async blockGroups(queue, jobs) {
    await blockGroups(await this.#dataSource(), queue, jobs);
  }

  async close() {
    await (await this.#app)?.close();
  }

  async #jobQueue() {
    return (await this.#open()).get(JobQueue);
  }

  async #dataSource() {
    return (await this.#open()).get(DataSource);
  }

  #open(providers = [], queues = {}) {
    return (this.#app ??= this.#boot(providers, queues));
  }

  async #boot(providers, queues) {
    const { url, history, callers } = this.options;
    class AppModule {}
    Module({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url, autoLoadEntities: true, ...(callers && { poolSize: callers }) }),
        NotifyQueueModule.forRoot({
          migrations: 'run',
          queues,
          ...(history === false && { retention: 'none' }),
        }),
      ],
      providers,
    })(AppModule);
    return NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  }
}

/** Each job in a group of its own. */
function groupedJob(queue) {
  return defineJob(`${queue}.job`, { queue, group: ({ n }) => `group-${n}` });
}

/** What `@JobHandler(...)` above a method does, in plain JavaScript. */
function addHandler(Handlers, queue, onJob) {
  const key = `handle_${queue}`;
  Object.defineProperty(Handlers.prototype, key, {
    configurable: true,
    writable: true,
    value: async (job) => {
      await onJob(job.payload);
    },
  });
  const descriptor = Object.getOwnPropertyDescriptor(Handlers.prototype, key);
  JobHandler(`${queue}.job`, { queue })(Handlers.prototype, key, descriptor);
}
