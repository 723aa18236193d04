import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterEach, beforeAll } from 'vitest';
import type { NotifyQueueExtras, NotifyQueueOptions } from '../../lib/index.js';
import type { WorkerEvent } from '../fixtures/worker-events.js';
import { ensureBuilt, projectRoot } from './build.js';

export interface WorkerOptions {
  readonly url: string;
  /** Options of the module, as far as JSON can carry them. */
  readonly options?: NotifyQueueOptions & NotifyQueueExtras;
  /** More of the environment, see test/fixtures/worker.ts. */
  readonly env?: Record<string, string>;
}

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds since 1970, as in events. */
  readonly at: number;
}

/** A worker process. */
export interface Worker {
  readonly pid: number;
  /** What it has told so far. */
  readonly events: readonly WorkerEvent[];
  /** The first event of this kind, told already or to come. @throws Error when the worker exits or time runs out first */
  waitFor(predicate: (event: WorkerEvent) => boolean, options?: { timeout?: number }): Promise<WorkerEvent>;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<WorkerExit>;
  /** What it wrote to stderr, where an unhandled rejection ends up. */
  readonly stderr: string;
}

const running = new Set<Worker>();

// Importing this module is enough: what a test leaves running ends with it.
beforeAll(ensureBuilt, 120_000);
afterEach(async () => {
  const left = [...running];
  for (const worker of left) worker.kill('SIGKILL');
  await Promise.all(left.map((worker) => worker.exited));
});

/** Starts a worker and waits until it takes jobs. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const worker = spawnWorker(options);
  await worker.waitFor(happened('app:started'), { timeout: 20_000 });
  return worker;
}

/** For tests that do not want to wait. */
export function spawnWorker({ url, options = {}, env = {} }: WorkerOptions): Worker {
  const child = spawn(process.execPath, ['--enable-source-maps', 'dist/test/fixtures/worker.js'], {
    cwd: projectRoot,
    env: { ...process.env, DATABASE_URL: url, QUEUE_OPTIONS: JSON.stringify(options), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const events: WorkerEvent[] = [];
  const waiting = new Set<() => void>();
  let stderr = '';
  let exit: WorkerExit | undefined;

  createInterface({ input: child.stdout }).on('line', (line) => {
    events.push(JSON.parse(line));
    for (const look of [...waiting]) look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exited = new Promise<WorkerExit>((resolve, reject) => {
    child.once('error', reject);
    let at = 0;
    child.once('exit', () => (at = performance.timeOrigin + performance.now()));
    // After 'close' everything it told has arrived.
    child.once('close', (code, signal) => {
      exit = { code, signal, at };
      running.delete(worker);
      for (const look of [...waiting]) look();
      resolve(exit);
    });
  });

  const worker: Worker = {
    pid: child.pid!,
    events,
    exited,
    get stderr() {
      return stderr;
    },
    kill: (signal) => void child.kill(signal),
    waitFor(predicate, { timeout = 10_000 } = {}) {
      return new Promise((resolve, reject) => {
        let looked = 0;
        const look = () => {
          while (looked < events.length) {
            const event = events[looked++]!;
            if (predicate(event)) return settle(() => resolve(event));
          }
          if (exit) settle(() => reject(failure(`It exited with ${exit?.signal ?? exit?.code}`)));
        };
        const settle = (how: () => void) => {
          clearTimeout(timer);
          waiting.delete(look);
          how();
        };
        const failure = (what: string) =>
          new Error(
            [`${what} before ${predicate}`, ...events.slice(-10).map((event) => JSON.stringify(event)), stderr].join('\n'),
          );
        const timer = setTimeout(() => settle(() => reject(failure(`${timeout} ms went by`))), timeout);
        waiting.add(look);
        look();
      });
    },
  };
  running.add(worker);
  return worker;
}

/** For `waitFor`: an event of this type, of this job if one is named. */
export function happened(type: WorkerEvent['type'], jobId?: string): (event: WorkerEvent) => boolean {
  const predicate = (event: WorkerEvent) =>
    event.type === type && (jobId === undefined || ('jobId' in event && event.jobId === jobId));
  predicate.toString = () => `${type}${jobId ? ` of job ${jobId}` : ''}`;
  return predicate;
}
