import { setTimeout as sleep } from 'node:timers/promises';
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { JobQueue } from '../../job-queue.js';
import { openDemoDatabase } from './demo-database.js';
import { DemoCounter } from './demo-figures.js';
import { DEMO_JOBS, DemoModule } from './demo.module.js';
import { DemoScreen } from './demo-screen.js';

export interface DemoOptions {
  readonly url?: string;
  readonly rate: number;
  readonly seconds?: number;
  readonly json: boolean;
}

const TICK_MS = 50;
const DRAW_MS = 500;
const LINE_MS = 1_000;

/** Runs until its time is over or a signal comes, and leaves nothing behind. @throws CliError */
export async function runDemo({ url, rate, seconds, json }: DemoOptions): Promise<void> {
  const end = new AbortController();
  // Also a second time: what the demo made is taken away first.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end.abort());
  process.stdout.on('error', () => end.abort());
  if (!json) console.error('Starting ...');
  const database = await openDemoDatabase(url);
  try {
    const app = await NestFactory.createApplicationContext(DemoModule.forRoot(database.url, database.schema), { logger: ['error'], abortOnError: false });
    try {
      const queue = app.get(JobQueue);
      if (seconds !== undefined) setTimeout(() => end.abort(), seconds * 1_000).unref();
      await Promise.all([traffic(queue, rate, end.signal), show(queue, json, end.signal)]);
    } finally {
      if (!json) console.error('Ending ...');
      await app.close();
    }
  } finally {
    await database.remove();
  }
}

/** Enqueues jobs at this rate, as several callers would. */
async function traffic(queue: JobQueue, rate: number, end: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  let sent = 0;
  while (!end.aborted) {
    const due = Math.floor(((performance.now() - startedAt) * rate) / 1_000) - sent;
    sent += due;
    await Promise.all(Array.from({ length: due }, () => enqueueOne(queue)));
    await sleep(TICK_MS, undefined, { signal: end }).catch(() => undefined);
  }
}

async function enqueueOne(queue: JobQueue): Promise<void> {
  let percent = Math.random() * 100;
  const [name, queueName] = DEMO_JOBS.find(([, , share]) => (percent -= share) < 0) ?? DEMO_JOBS[0];
  await queue.enqueue(name, {}, { queue: queueName });
}

async function show(queue: JobQueue, json: boolean, end: AbortSignal): Promise<void> {
  const counter = new DemoCounter();
  const screen = new DemoScreen(json);
  const subscription = queue.events$.subscribe(counter.count);
  while (!end.aborted) {
    await sleep(screen.isDrawn ? DRAW_MS : LINE_MS, undefined, { signal: end }).catch(() => undefined);
    screen.show(counter.take(), await queue.status());
  }
  subscription.unsubscribe();
}
