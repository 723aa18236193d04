import { checkPayload } from './core/payload-contract.js';
import { peek } from './core/peek.js';
import { InvalidOptionError } from './errors/configuration.errors.js';
import type { EnqueuedJob, EnqueueManyOptions, EnqueueOptions } from './interfaces/enqueue.interface.js';
import type { JobCodec } from './interfaces/job-codec.interface.js';
import type { JobRecord, JobUpdate } from './interfaces/job-record.interface.js';
import type { EnqueueStore, JobChanges, NewJob, StoredJob } from './interfaces/ports/index.js';
import type { StandardSchema } from './interfaces/standard-schema.interface.js';
import { aroundEnqueue } from './job-context/middleware.js';
import { isManager, MANAGER_EXPECTED } from './manager-option.js';
import type { Enqueue, JobInput, NewJobs } from './new-jobs.js';
import type { ResolvedOptions } from './notify-queue.options.js';
import type { EnqueueBatcher, InsertKind } from './runtime/enqueue-batcher.js';
import type { JobEvents } from './runtime/job-events.js';
import type { EntityManager } from 'typeorm';

/** All or none: the first that is refused stops the call. */
async function checkAll(schema: StandardSchema, jobs: readonly NewJob[]): Promise<void> {
  for (const [index, { payload }] of jobs.entries()) await checkPayload(schema, payload, jobs.length === 1 ? 'payload' : `payloads[${index}]`);
}

function encode(codec: JobCodec, job: NewJob): NewJob {
  const { id, queue, name } = job;
  return { ...job, payload: codec.encode(job.payload, { kind: 'payload', id, queue, name }) };
}

/** The way of new jobs: through the middleware, into the caller's transaction or together with the calls of others. */
export class Enqueuer {
  private readonly isWrapped: boolean;

  constructor(
    private readonly options: ResolvedOptions,
    private readonly newJobs: NewJobs,
    private readonly enqueueStore: EnqueueStore,
    private readonly batcher: EnqueueBatcher,
    private readonly events: JobEvents,
  ) {
    this.isWrapped = options.middleware.some((one) => one.enqueue);
  }

  async one(job: JobInput, payload: unknown, options: EnqueueOptions): Promise<EnqueuedJob> {
    const [enqueued] = await this.wrap(job, 1, (context) => this.newJobs.make(job, payload, options, context));
    return enqueued as EnqueuedJob;
  }

  async many(job: JobInput, payloads: readonly unknown[], options: EnqueueManyOptions): Promise<EnqueuedJob[]> {
    const length: unknown = peek(payloads, 'length');
    const count = typeof length === 'number' ? length : 0;
    return [...(await this.wrap(job, count, (context) => this.newJobs.makeMany(job, payloads, options, context)))];
  }

  /** What is to be changed of a job, as it is to be stored. */
  async change(job: JobRecord, changes: JobUpdate): Promise<JobChanges> {
    const { changes: made, schema } = this.newJobs.change(job, changes);
    const { payload } = made;
    if (payload === undefined) return made;
    if (schema) await checkPayload(schema, payload, 'payload');
    const { id, name, queue } = job;
    return { ...made, payload: this.options.codec?.encode(payload, { kind: 'payload', id, name, queue }) ?? payload };
  }

  private async wrap(job: JobInput, count: number, make: (context?: object) => Enqueue): Promise<readonly EnqueuedJob[]> {
    if (!this.isWrapped) return this.store(make());
    // What it is for a job is checked when it is made.
    const given: unknown = typeof job === 'object' ? peek(job, 'name') : job;
    const name = typeof given === 'string' ? given : '';
    const enqueue = aroundEnqueue(this.options.middleware, async ({ context }) => this.store(make(context)));
    return enqueue({ name, count, context: {} });
  }

  private async store({ jobs: made, manager: explicit, kind, schema }: Enqueue): Promise<EnqueuedJob[]> {
    if (schema) await checkAll(schema, made);
    const { codec } = this.options;
    const jobs = codec ? made.map((job) => encode(codec, job)) : made;
    if (jobs.length === 0) return [];
    const manager = explicit ?? this.ambientManager();
    const stored = manager ? await this.insert(jobs, manager, kind) : await this.batcher.add(jobs, kind);
    this.events.enqueued(stored ? jobs.filter(({ id }, index) => stored[index]?.id === id) : jobs);
    return jobs.map(({ id, queue }, index) => ({ id: stored?.[index]?.id ?? id, queue, outcome: stored?.[index]?.outcome ?? 'created' }));
  }

  private async insert(jobs: readonly NewJob[], manager: EntityManager, kind: InsertKind): Promise<readonly StoredJob[] | undefined> {
    if (kind !== 'new' && kind !== 'once') return this.enqueueStore.insertUnique(jobs, manager);
    await this.enqueueStore.insert(jobs, manager, kind === 'once');
    return undefined;
  }

  /** A manager that is in no transaction has nothing to take part in. */
  private ambientManager(): EntityManager | undefined {
    const manager: unknown = this.options.resolveManager?.();
    if (manager === undefined) return undefined;
    if (!isManager(manager)) throw new InvalidOptionError('resolveManager()', manager, `${MANAGER_EXPECTED}, or undefined`);
    return manager.queryRunner?.isTransactionActive ? manager : undefined;
  }
}
