import { Injectable } from '@nestjs/common';
import { Observable } from 'rxjs';
import { BulkJobs, keptCancelled } from './bulk-jobs.js';
import { assertId, assertName } from './core/names.js';
import { OptionReader } from './core/option-reader.js';
import { peek } from './core/peek.js';
import { InvalidArgumentError } from './errors/enqueue.errors.js';
import { JobNotFoundError, JobStateError } from './errors/job.errors.js';
import type { EnqueuedJob, EnqueueManyOptions, EnqueueOptions } from './interfaces/enqueue.interface.js';
import type { JobDefinition, PayloadOf, ResultOf } from './interfaces/job-definition.interface.js';
import type { JobQueueStats, SchemaVersion } from './interfaces/job-queue-stats.interface.js';
import type { CancelResult, JobCriteria, JobPage, JobRecord, JobUpdate, PageOptions, QueueStatus, Status } from './interfaces/job-record.interface.js';
import type { ClusterJobEvent, JobEvent } from './interfaces/job-event.interface.js';
import { JobWatcher } from './job-watcher.js';
import { checkCriteria, checkIteration, checkPage } from './job-criteria.js';
import type { JobQueueParts } from './job-queue.parts.js';
import type { JobInput } from './new-jobs.js';
import { suspensionKeyOf, suspensionKeysOf } from './notify-queue.options.js';
import { GuardedObservable } from './runtime/guarded-observable.js';

/**
 * Enqueues jobs and answers for them. Inject it anywhere.
 *
 * @example
 * await dataSource.transaction(async (manager) => {
 *   await manager.save(order);
 *   await jobQueue.enqueue(SendInvoice, { orderId: order.id }, { manager });
 * });
 */
@Injectable()
export class JobQueue extends BulkJobs {
  /** What happens to jobs in this process. It never ends and never fails; a subscriber that throws is logged and kept. */
  readonly events$: Observable<JobEvent>;
  /** Of `forRoot({ name })`; `'default'` without. */
  readonly name: string;
  /** The same of all processes, this one too: the kinds that their option `clusterEvents` names, some 50 ms later. Needs `listen`. */
  readonly clusterEvents$: Observable<ClusterJobEvent>;
  private readonly watcher: JobWatcher;

  constructor(private readonly parts: JobQueueParts) {
    super(parts);
    this.name = parts.options.name;
    const source = new Observable<JobEvent>((subscriber) => parts.events.listen((event) => subscriber.next(event)));
    this.events$ = new GuardedObservable(source, (error) => parts.events.report(error));
    this.clusterEvents$ = parts.clusterEvents.events$;
    this.watcher = new JobWatcher(parts.store, parts.signals, () => parts.stats().listening);
  }

  /**
   * Stores a job. With `manager` it exists if and only if that transaction commits; without, it is
   * committed when the promise resolves. Calls made at the same time share one insert.
   *
   * @throws InvalidArgumentError, InvalidOptionError, UnstorableValueError, ValueTooLargeError, UnknownQueueError before
   * anything is written
   * @throws EnqueueOutcomeUnknownError when the connection was lost at the commit
   */
  enqueue<Payload, Result>(job: JobDefinition<Payload, Result, unknown>, payload: NoInfer<Payload>, options?: EnqueueOptions): Promise<EnqueuedJob<Result>>;
  enqueue<Name extends string>(job: Name, payload: PayloadOf<Name>, options?: EnqueueOptions): Promise<EnqueuedJob<ResultOf<Name>>>;
  async enqueue(job: JobInput, payload: unknown, options: EnqueueOptions = {}): Promise<EnqueuedJob> {
    return this.parts.enqueuer.one(job, payload, options);
  }

  /**
   * Stores a job for each payload, all or none, in one statement. Resolves to them in the same order.
   *
   * @throws as `enqueue` does; ValueTooLargeError also for more than 10,000 payloads, or 64 Mi characters of JSON
   */
  enqueueMany<Payload, Result>(
    job: JobDefinition<Payload, Result, unknown>,
    payloads: ReadonlyArray<NoInfer<Payload>>,
    options?: EnqueueManyOptions,
  ): Promise<Array<EnqueuedJob<Result>>>;
  enqueueMany<Name extends string>(
    job: Name,
    payloads: ReadonlyArray<PayloadOf<Name>>,
    options?: EnqueueManyOptions,
  ): Promise<Array<EnqueuedJob<ResultOf<Name>>>>;
  async enqueueMany(job: JobInput, payloads: readonly unknown[], options: EnqueueManyOptions = {}): Promise<EnqueuedJob[]> {
    return this.parts.enqueuer.many(job, payloads, options);
  }

  /** A job, waiting, running or finished; undefined when there is none, or none any more. @throws InvalidArgumentError */
  async get(id: string): Promise<JobRecord | undefined> {
    assertId('id', id);
    return this.parts.store.get(id);
  }

  /**
   * A page of jobs by criteria that run in SQL.
   *
   * @throws InvalidOptionError; UnstorableValueError, ValueTooLargeError for the payload to look for
   */
  async find(criteria: JobCriteria = {}, page: PageOptions = {}): Promise<JobPage> {
    return this.parts.store.find(checkCriteria(criteria, this.parts.options.maxPayloadSize), checkPage(page));
  }

  /**
   * Every job that fits, page by page, optionally narrowed by a predicate of your own.
   *
   * @example
   * for await (const job of jobQueue.iterate({ queue: 'mail', state: 'available' })) await jobQueue.cancel(job.id);
   * @throws as `find` does
   */
  async *iterate(
    criteria: JobCriteria = {},
    options: Omit<PageOptions, 'cursor'> & { predicate?: (job: JobRecord) => boolean } = {},
  ): AsyncGenerator<JobRecord, void, undefined> {
    const { predicate, ...page } = checkIteration(options);
    let cursor: string | undefined;
    do {
      const found = await this.find(criteria, { ...page, cursor });
      for (const job of found.jobs) if (!predicate || predicate(job)) yield job;
      cursor = found.nextCursor;
    } while (cursor !== undefined);
  }

  /**
   * Cancels a waiting job. A running one is left to run and answers `'in_progress'`; with `abort` its
   * signal fires, on whichever instance it runs, and it ends as cancelled.
   *
   * @throws InvalidArgumentError, InvalidOptionError
   */
  async cancel(id: string, how: { abort?: boolean } = {}): Promise<CancelResult> {
    assertId('id', id);
    const reader = new OptionReader(how, 'cancel');
    const abort = reader.boolean('abort', false);
    reader.done();
    return this.parts.store.cancel(id, abort, ...keptCancelled(this.parts.options));
  }

  /**
   * Moves a waiting job to another queue, where its attempts count from zero.
   *
   * @throws InvalidArgumentError, UnknownQueueError
   */
  async move(id: string, queue: string): Promise<CancelResult> {
    assertId('id', id);
    assertName('queue', queue);
    this.parts.newJobs.checkQueue(queue);
    return this.parts.store.move(id, queue);
  }

  /**
   * Changes a waiting job: its payload, priority or due time. A running one is left alone and answers `'in_progress'`.
   *
   * @throws InvalidArgumentError, InvalidOptionError, InvalidPayloadError, UnstorableValueError, ValueTooLargeError
   */
  async update(id: string, changes: JobUpdate): Promise<CancelResult> {
    assertId('id', id);
    const job = await this.parts.store.get(id);
    const made = await this.parts.enqueuer.change(job ?? ({ id, name: '', queue: '' } as JobRecord), changes);
    return job ? this.parts.store.update(id, made) : 'not_found';
  }

  /** Keeps a waiting job from running until `release`, for as long as that may be. @throws InvalidArgumentError */
  async hold(id: string): Promise<CancelResult> {
    assertId('id', id);
    return this.parts.store.hold(id);
  }

  /** Lets a job that is held run when it is due, at once if it was meanwhile. @throws InvalidArgumentError */
  async release(id: string): Promise<CancelResult> {
    assertId('id', id);
    return this.parts.store.release(id);
  }

  /**
   * Runs a finished job again, with attempts from zero.
   *
   * @throws InvalidArgumentError, JobNotFoundError, JobStateError when it is not finished
   */
  async retry(id: string): Promise<void> {
    assertId('id', id);
    const answer = await this.parts.store.retry(id);
    if (answer === 'unfinished') throw new JobStateError(`Job ${id} has not finished, so there is nothing to run again.`);
    if (answer === 'not_found') throw new JobNotFoundError(`Job ${id} is not in the history; it may be past its retention.`);
  }

  /** Counts of one queue, or of all queues and processes. @throws InvalidArgumentError */
  status(queue: string): Promise<QueueStatus>;
  status(): Promise<Status>;
  async status(queue?: string): Promise<Status | QueueStatus> {
    const { options, store, newJobs } = this.parts;
    if (queue !== undefined) assertName('queue', queue);
    const status = await store.status(newJobs.knownQueues(), queue, (name) => suspensionKeysOf(options, name));
    return queue === undefined ? status : (status.queues[0] as QueueStatus);
  }

  /**
   * Stops every instance from starting jobs of a queue, or of all; running jobs go on. It holds until `resume`.
   *
   * @throws InvalidArgumentError for a queue that has no suspension of its own
   */
  async suspend(queue?: string): Promise<void> {
    await this.parts.configs.set(suspensionKeyOf(this.parts.options, queue), 'true');
  }

  /** Takes `suspend` back: that of the queue, or the one of all queues. Each stands by itself. @throws InvalidArgumentError */
  async resume(queue?: string): Promise<void> {
    await this.parts.configs.set(suspensionKeyOf(this.parts.options, queue), 'false');
  }

  /**
   * Waits for a job's result, from any instance and also after it has finished.
   *
   * @param job its id, or what `enqueue` resolved to, which carries the type of the result
   * @param options.timeout how long to wait; `'30s'` by default
   * @throws InvalidArgumentError, InvalidOptionError, JobAbandonedError, JobCancelledError, ResultTimeoutError, JobNotFoundError
   */
  async result<Result = unknown>(
    job: string | EnqueuedJob<Result>,
    options: { timeout?: EnqueueOptions['delay'] } = {},
  ): Promise<Result> {
    const id = typeof job === 'string' ? job : peek(job, 'id');
    assertId('id', id);
    const reader = new OptionReader(options, 'result');
    const timeoutMs = reader.duration('timeout', 30_000);
    reader.done();
    return (await this.watcher.result(id, timeoutMs)) as Result;
  }

  /** A job as it is now and at each change, until it has finished. Errors with a JobNotFoundError. @throws InvalidArgumentError */
  watch(id: string): Observable<JobRecord> {
    assertId('id', id);
    return this.watcher.watch(id);
  }

  /** What this process has counted since it started: its listener, its sweeps, and how much travelled together. */
  stats(): JobQueueStats {
    return this.parts.stats();
  }

  /** Which step of the migrations the database is at. @throws DatabaseUnavailableError */
  async schemaVersion(): Promise<SchemaVersion> {
    return this.parts.schemaVersion();
  }

  /**
   * Begins to run jobs in this process, for `autoStart: 'manual'`. Otherwise, and when called again, it does nothing.
   *
   * @throws InvalidArgumentError in a process with `role: 'producer'`
   * @throws DatabaseUnavailableError
   */
  async start(): Promise<void> {
    if (this.parts.options.role === 'producer') {
      throw new InvalidArgumentError('role', "'all' or 'worker', to run jobs", "'producer'");
    }
    await this.parts.start();
  }
}
