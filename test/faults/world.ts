import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DEFAULT_SCHEMA, quoteIdentifier } from '../../lib/core/schema-name.js';
import type { EnqueueOptions, EnqueueOutcomeUnknownError, NotifyQueueExtras, NotifyQueueOptions } from '../../lib/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { ensureBuilt } from '../support/build.js';
import { migrateTemplate } from '../support/migrate-template.js';
import { databaseUrl, withClient } from '../support/server.js';
import { until } from '../support/wait.js';
import { happened, spawnWorker, startWorker, type Worker, type WorkerOptions } from '../support/worker.js';
import type { FaultServer } from './fault-server.js';
import { check } from './history/check.js';
import { lastShown } from './history/check-configs.js';
import type { Call, History, Violation } from './history/history.js';
import { recordTime } from './recovery-times.js';
import { readRecording, startRecording } from './history/recorder.js';
import { Random, SEED } from './random.js';
import { followersOf, runsOf } from './told.js';

export const LEASE_MS = 1_500;
export const LONG_LEASE_MS = 60_000;
export const SWEEP_MS = 500;
export const GRACE_MS = 1_000;
/** How soon a job of a dead process must run again. */
export const RESCUE_MS = LEASE_MS + SWEEP_MS + 500;
/** Times are asserted with this much to spare: the machine may be busy. */
export const SPARE_MS = 3_000;

/** How workers are set up unless told otherwise. */
export const OPTIONS = { lease: LEASE_MS, sweepInterval: SWEEP_MS, shutdownGrace: GRACE_MS };
/** `work` may be retried three times. */
const ALLOWED: Record<string, number> = { work: 4 };

export interface WorldOptions {
  /** Where the built package of the workers is. @default this project */
  readonly root?: string;
  readonly seed?: number;
  /** Where everybody finds the server, as a URL. @default the server's own */
  readonly address?: string;
  readonly queue?: NotifyQueueOptions & NotifyQueueExtras;
  /** The way by which the application and the workers reach the database. @default straight */
  readonly through?: (url: string) => string;
  /** The application listens straight, whatever way the rest goes. */
  readonly listensStraight?: boolean;
  /** Makes the tables. @default as the superuser, for each of `schemas` */
  readonly migrate?: (url: string) => Promise<void>;
  /** Installations in the database; the application enqueues in the first. @default that of the package */
  readonly schemas?: readonly string[];
}

/**
 * A database whose every change is recorded, an application that enqueues, and workers that are processes
 * of their own. What is done by it is known to the checker.
 */
export class World {
  readonly random: Random;
  readonly workers: Worker[] = [];
  /** Those that did not come up; they may have run jobs all the same. */
  private readonly unborn: Worker[] = [];
  /** Those that were there when the configuration was last compared. */
  private present: readonly Worker[] = [];
  /** What callers were told, for the checker. */
  readonly calls: Call[] = [];
  private readonly pool: pg.Pool;

  private constructor(
    readonly server: FaultServer,
    readonly url: string,
    readonly producer: TestApp,
    private readonly options: WorldOptions & Required<Pick<WorldOptions, 'through' | 'schemas'>>,
  ) {
    this.random = new Random(options.seed ?? SEED);
    this.pool = new pg.Pool({ connectionString: url, max: 2, application_name: 'test' });
    this.pool.on('error', () => undefined);
  }

  static async create(server: FaultServer, options: WorldOptions = {}): Promise<World> {
    const name = `faults_${randomBytes(4).toString('hex')}`;
    await ensureBuilt();
    const { through = (it) => it, schemas = [DEFAULT_SCHEMA], address = server.url, queue } = options;
    await withClient(address, (client) => client.query(`CREATE DATABASE ${name}`));
    const url = databaseUrl(address, name);
    if (options.migrate) await options.migrate(url);
    else for (const schema of schemas) await migrateTemplate(url, schema);
    const producer = await startApp({
      url: through(url),
      queue: { role: 'producer', schema: schemas[0]!, ...(options.listensStraight && { listen: { url } }), ...queue },
      typeorm: { extra: { max: 4 } },
    });
    const world = new World(server, url, producer, { ...options, through, schemas });
    await startRecording(world, schemas);
    return world;
  }

  async query<T = any>(sql: string, params?: unknown[]): Promise<T[]> {
    return (await this.pool.query(sql, params)).rows as T[];
  }

  /** Enqueues a job and remembers what came of it. Resolves to its id, unless nothing was stored for sure. */
  async enqueue(name: string, payload: unknown, queue: TestApp['queue'] = this.producer.queue, options: EnqueueOptions = {}): Promise<string | undefined> {
    try {
      const { id } = await queue.enqueue(name, payload, options);
      this.calls.push({ id, outcome: 'stored' });
      return id;
    } catch (error) {
      const { ids, code } = error as Partial<EnqueueOutcomeUnknownError>;
      if (code === 'ENQUEUE_OUTCOME_UNKNOWN') for (const id of ids ?? []) this.calls.push({ id, outcome: 'unknown' });
      else if ((code as string | undefined) !== 'DATABASE_UNAVAILABLE') throw error;
      return undefined;
    }
  }

  /** Enqueues a job in a transaction of the application's, and commits it or not. */
  async enqueueInTransaction(name: string, payload: unknown, commit: boolean, { queue, dataSource }: TestApp = this.producer): Promise<void> {
    let id: string | undefined;
    const outcome = await dataSource
      .transaction(async (manager) => {
        ({ id } = await queue.enqueue(name, payload, { manager, ...this.anyGroup() }));
        if (!commit) throw 'rolled back';
        return 'stored' as const;
      })
      .catch((error: unknown) => (error === 'rolled back' ? error : ('unknown' as const)));
    if (id) this.calls.push({ id, outcome });
  }

  /** Enqueues from so many callers until it is told to stop. */
  produce(callers: number, payloadOf: () => unknown): { stop(): Promise<void> } {
    let stopped = false;
    const loops = Array.from({ length: callers }, async () => {
      while (!stopped) {
        await this.enqueue('work', payloadOf(), undefined, this.anyGroup());
        await new Promise((resolve) => setTimeout(resolve, this.random.between(1, 20)));
      }
    });
    return {
      stop: async () => {
        stopped = true;
        await Promise.all(loops);
      },
    };
  }

  /** Now and then a group: its jobs run one at a time. */
  private anyGroup(): EnqueueOptions {
    return this.random.integer(12) === 0 ? { group: `group-${this.random.integer(8)}` } : {};
  }

  async startWorker(options: Partial<WorkerOptions> = {}): Promise<Worker> {
    const worker = await startWorker(this.workerOptions(options));
    this.workers.push(worker);
    return worker;
  }

  spawnWorker(options: Partial<WorkerOptions> = {}): Worker {
    const worker = spawnWorker(this.workerOptions(options));
    this.workers.push(worker);
    return worker;
  }

  /** Starts one again until it comes up, as whatever runs applications does. */
  async restartWorker(options: Partial<WorkerOptions> = {}): Promise<Worker> {
    for (;;) {
      const worker = spawnWorker(this.workerOptions(options));
      if (await worker.waitFor(happened('app:started'), { timeout: 20_000 }).catch(() => undefined)) {
        this.workers.push(worker);
        return worker;
      }
      worker.kill('SIGKILL');
      this.unborn.push(worker);
    }
  }

  /** Waits until every job has ended; gives up when for so long their number has not gone down. */
  async settled(timeout = 30_000): Promise<void> {
    const left = async (): Promise<number> => {
      try {
        const counts = this.options.schemas.map((schema) => `(SELECT count(*) FROM ${quoteIdentifier(schema)}.jobs)`);
        const [row] = await this.query(`SELECT (${counts.join(' + ')})::int AS jobs`);
        return row.jobs as number;
      } catch {
        return -1;
      }
    };
    let least = Infinity;
    let sinceAt = performance.now();
    for (let jobs = await left(); jobs !== 0; jobs = await left()) {
      if (jobs > 0 && jobs < least) {
        least = jobs;
        sinceAt = performance.now();
      }
      if (performance.now() - sinceAt > timeout) throw new Error(`${jobs} jobs are left (seed ${SEED})`);
      await sleep(50);
    }
  }

  /** Waits until every worker has been shown the configuration as the table has it, or for too long. */
  async configsShown(timeout = 15_000): Promise<void> {
    this.present = this.workers.filter((worker) => !worker.hasExited);
    const rows = await this.query('SELECT key, value FROM notify_queue.job_configs');
    const isEqual = (shown: Map<string, string>) => shown.size === rows.length && rows.every(({ key, value }) => shown.get(key) === value);
    // The checker says what is wrong if it does not come true.
    await until(() => this.present.every((worker) => followersOf(worker, true).every((it) => isEqual(lastShown(it)))), { timeout }).catch(() => undefined);
  }

  async history(): Promise<History> {
    return {
      ...(await readRecording(this)),
      calls: this.calls,
      runs: [...this.workers, ...this.unborn].flatMap(runsOf),
      followers: this.workers.flatMap((worker) => followersOf(worker, this.present.includes(worker))),
      leasesMs: [LEASE_MS, LONG_LEASE_MS],
      rescueMs: SWEEP_MS + 500 + SPARE_MS,
      allowedAttempts: (name) => ALLOWED[name] ?? 2 ** 31,
    };
  }

  async violations(): Promise<Violation[]> {
    if (this.workers.some((worker) => !worker.hasExited)) await this.configsShown();
    const gone = await Promise.all(this.workers.filter((worker) => worker.hasExited).map((worker) => brokenDown(worker)));
    return [...check(await this.history()), ...gone.flat().map((text) => ({ invariant: 'I11' as const, text }))];
  }

  /** What is over and checked need not be checked again. */
  async forget(): Promise<void> {
    await this.query(`DELETE FROM fault.log WHERE kind IN ('live', 'finished') OR kind = 'instances' AND seq NOT IN (
      SELECT max(seq) FROM fault.log WHERE kind = 'instances' GROUP BY coalesce(after, before) ->> 'id')`);
    this.calls.length = 0;
    this.unborn.length = 0;
    for (const worker of this.workers.filter((it) => it.hasExited)) this.workers.splice(this.workers.indexOf(worker), 1);
  }

  /** How long the system took to recover; asserted with three seconds to spare, and reported as it was. */
  recovered(what: string, ms: number, limitMs: number): void {
    recordTime(what, ms);
    if (ms > limitMs + SPARE_MS) throw new Error(`${what}: it took ${Math.round(ms)} ms (seed ${SEED})`);
  }

  /** I11: who is asked to go goes in time, with code 0, has left nothing open and written nothing to stderr. */
  async stopAll(): Promise<Violation[]> {
    await this.configsShown();
    const exits = await Promise.all(this.workers.map((worker) => stop(worker)));
    await this.producer.close();
    const found = [...exits.flat(), ...this.workers.flatMap(({ stderr }) => stderr || [])];
    const others = `SELECT count(*)::int AS open FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'test'`;
    const closed = async (): Promise<boolean> => (await this.query(others))[0].open === 0;
    await until(closed, { timeout: SPARE_MS }).catch(() => found.push('connections are still open'));
    return found.map((text) => ({ invariant: 'I11', text }));
  }

  async close(): Promise<void> {
    for (const worker of this.workers) worker.kill('SIGKILL');
    await Promise.all(this.workers.map((worker) => worker.exited));
    await this.producer.close();
    await this.pool.end();
  }

  private workerOptions(options: Partial<WorkerOptions>): WorkerOptions {
    const { root, through } = this.options;
    const env = { ON_SIGTERM: 'close', ...options.env };
    return { url: through(this.url), options: OPTIONS, ...(root !== undefined && { root }), ...options, env };
  }
}

/** Nobody asked a process to go that ends with an error. */
async function brokenDown(worker: Worker): Promise<string[]> {
  const { code } = await worker.exited;
  return code ? [`process ${worker.pid} went by itself with code ${code}: ${worker.stderr}`] : [];
}

/** What is wrong with how it goes; a killed one has gone. */
async function stop(worker: Worker): Promise<string[]> {
  if (worker.hasExited) return brokenDown(worker);
  worker.kill('SIGCONT');
  worker.kill('SIGTERM');
  const exit = await Promise.race([worker.exited, sleep(GRACE_MS + 1_000 + SPARE_MS, undefined, { ref: false })]);
  if (!exit) return [`process ${worker.pid} is still there`];
  // One that the test has killed may take a moment to go.
  return exit.code === 0 || exit.signal === 'SIGKILL' ? [] : [`process ${worker.pid} exited with ${exit.signal ?? exit.code}`];
}
