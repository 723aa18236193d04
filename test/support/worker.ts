import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { NotifyQueueExtras, NotifyQueueOptions } from '../../lib/index.js';
import type { WorkerEvent } from '../fixtures/worker-events.js';
import { ensureBuilt, projectRoot } from './build.js';

export interface WorkerOptions {
  readonly url: string;
  /** Options of the module, as far as JSON can carry them. */
  readonly options?: NotifyQueueOptions & NotifyQueueExtras;
  /** Where the built package is. @default this project */
  readonly root?: string;
  /** What it is, of test/fixtures. @default 'worker' */
  readonly fixture?: 'worker' | 'web';
  /** More of the environment, see there. */
  readonly env?: Record<string, string>;
  /** A command that it is started through and becomes. */
  readonly prefix?: readonly string[];
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
  readonly hasExited: boolean;
  /** What it wrote to stderr, where an unhandled rejection ends up. */
  readonly stderr: string;
}

const running = new Set<Worker>();

/** What a test leaves running ends with it: leak-check.ts. */
export async function killWorkers(): Promise<void> {
  const left = [...running];
  for (const worker of left) worker.kill('SIGKILL');
  await Promise.all(left.map((worker) => worker.exited));
}

/** Starts a worker and waits until it takes jobs. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  await ensureBuilt();
  const worker = spawnWorker(options);
  await worker.waitFor(happened('app:started'), { timeout: 20_000 });
  return worker;
}

/** For tests that do not want to wait. */
export function spawnWorker({ url, options = {}, root = projectRoot, fixture = 'worker', env = {}, prefix = [] }: WorkerOptions): Worker {
  // Another build than this project's has no bundles.
  const program = `dist/test/${root === projectRoot ? 'bundles' : 'fixtures'}/${fixture}.js`;
  const [command, ...args] = [...prefix, process.execPath, program];
  const child = spawn(command!, args, {
    cwd: root,
    env: { ...process.env, DATABASE_URL: url, QUEUE_OPTIONS: JSON.stringify(options), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const told = new EventLog();
  let stderr = '';
  createInterface({ input: child.stdout }).on('line', (line) => told.add(JSON.parse(line)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));

  const exited = new Promise<WorkerExit>((resolve, reject) => {
    let at = 0;
    child.once('error', reject);
    child.once('exit', () => (at = now()));
    // After 'close' everything it told has arrived.
    child.once('close', (code, signal) => {
      running.delete(worker);
      told.end(`It exited with ${signal ?? code}\n${stderr}`);
      resolve({ code, signal, at });
    });
  });
  const worker: Worker = {
    pid: child.pid!,
    events: told.events,
    exited,
    get hasExited() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    get stderr() {
      return stderr;
    },
    kill: (signal) => void child.kill(signal),
    waitFor: (predicate, { timeout = 10_000 } = {}) => told.waitFor(predicate, timeout),
  };
  running.add(worker);
  return worker;
}

/** What a worker has told, and who waits for more of it. */
class EventLog {
  readonly events: WorkerEvent[] = [];
  private readonly waiting = new Set<() => void>();
  private ended: string | undefined;

  add(event: WorkerEvent): void {
    this.events.push(event);
    for (const look of this.waiting) look();
  }

  end(why: string): void {
    this.ended = why;
    for (const look of this.waiting) look();
  }

  waitFor(predicate: (event: WorkerEvent) => boolean, timeoutMs: number): Promise<WorkerEvent> {
    return new Promise((resolve, reject) => {
      let looked = 0;
      const settle = (how: () => void) => {
        clearTimeout(timer);
        this.waiting.delete(look);
        how();
      };
      const fail = (why: string) => {
        const last = this.events.slice(-10).map((event) => JSON.stringify(event));
        settle(() => reject(new Error([`Waited for ${predicate}. ${why}`, ...last].join('\n'))));
      };
      const look = () => {
        for (; looked < this.events.length; looked++) {
          const event = this.events[looked]!;
          if (predicate(event)) return settle(() => resolve(event));
        }
        if (this.ended !== undefined) fail(this.ended);
      };
      const timer = setTimeout(() => fail(`${timeoutMs} ms went by`), timeoutMs);
      this.waiting.add(look);
      look();
    });
  }
}

/** For `waitFor`: an event of this type, of this job if one is named. */
export function happened(type: WorkerEvent['type'], jobId?: string): (event: WorkerEvent) => boolean {
  const predicate = (event: WorkerEvent) =>
    event.type === type && (jobId === undefined || ('jobId' in event && event.jobId === jobId));
  predicate.toString = () => `${type}${jobId ? ` of job ${jobId}` : ''}`;
  return predicate;
}

/** The clock that events are told by. */
export const now = (): number => performance.timeOrigin + performance.now();
