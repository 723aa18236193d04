import { AssertionError } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { OptionReader } from '../core/option-reader.js';
import { JobStateError } from '../errors/job.errors.js';
import type { Duration } from '../interfaces/duration.interface.js';
import type { JobRecord, JobState } from '../interfaces/job-record.interface.js';
import type { JobConfigs } from '../job-configs.js';
import type { JobQueue } from '../job-queue.js';
import { getJobConfigsToken, getJobQueueToken } from '../job-queue.tokens.js';
import { DEFAULT_NAME, MODULE_NAME, RUNTIME } from '../notify-queue.constants.js';
import { queueModules } from '../notify-queue.siblings.js';
import { DURATION_EXPECTED, parseDuration } from '../core/duration.js';
import { FINAL_STATES, JOB_STATES } from '../core/states.js';
import { InvalidOptionError } from '../errors/configuration.errors.js';
import { InvalidArgumentError } from '../errors/enqueue.errors.js';
import { TestRuntime } from './fake/test-runtime.js';
import { describeJob, select, type ExpectedJob, type JobSelector, type PayloadFor, type RecordFor, type Selection } from './selector.js';

const LOOK_INTERVAL_MS = 20;
const MAX_SHOWN = 10;

/**
 * What tests ask of a queue, and do to a fake one. Assertions throw an `AssertionError` of Node, which every test runner
 * shows, and work with a real queue as well.
 *
 * @example
 * await jobs.expectEnqueued(SendInvoice, { payload: { orderId: '7' }, delay: '5m' });
 * await jobs.drain();
 */
export class JobQueueTester {
  constructor(
    readonly queue: JobQueue,
    readonly configs: JobConfigs,
    private readonly fake?: TestRuntime,
  ) {}

  /** Every job that fits, whatever has become of it, the oldest first. @throws InvalidArgumentError, InvalidOptionError */
  async enqueued<const Selector extends JobSelector>(job: Selector, expected: ExpectedJob<PayloadFor<Selector>> = {}): Promise<Array<RecordFor<Selector>>> {
    return (await this.find(select(job, new OptionReader(expected, 'enqueued')))) as Array<RecordFor<Selector>>;
  }

  /**
   * Resolves to the first job that fits; with `count` there must be exactly so many.
   *
   * @throws AssertionError; InvalidArgumentError, InvalidOptionError
   */
  async expectEnqueued<const Selector extends JobSelector>(
    job: Selector,
    expected: ExpectedJob<PayloadFor<Selector>> & { count?: number } = {},
  ): Promise<RecordFor<Selector>> {
    const reader = new OptionReader(expected, 'expectEnqueued');
    const count = reader.integer('count', 0, 1, Number.MAX_SAFE_INTEGER);
    const selection = select(job, reader);
    const found = await this.find(selection);
    if (count ? found.length !== count : found.length === 0) {
      throw await this.failure(`Expected ${count || 'a'} job${count > 1 ? 's' : ''} ${selection.text}, found ${found.length}`, expected);
    }
    return found[0] as RecordFor<Selector>;
  }

  /** @throws AssertionError; InvalidArgumentError, InvalidOptionError */
  async expectNotEnqueued<const Selector extends JobSelector>(job: Selector, expected: ExpectedJob<PayloadFor<Selector>> = {}): Promise<void> {
    const selection = select(job, new OptionReader(expected, 'expectNotEnqueued'));
    const { length } = await this.find(selection);
    if (length > 0) throw await this.failure(`Expected no job ${selection.text}, found ${length}`, expected);
  }

  /**
   * Waits until a job that fits is in this state, by asking the queue again and again.
   *
   * @param options.timeout how long; `'5s'` by default
   * @throws AssertionError when the time is over, or when the one job with this id has ended otherwise
   */
  async waitFor<const Selector extends JobSelector>(
    job: Selector,
    state: JobState,
    options: Omit<ExpectedJob<PayloadFor<Selector>>, 'state'> & { timeout?: Duration } = {},
  ): Promise<RecordFor<Selector>> {
    const reader = new OptionReader(options, 'waitFor');
    const timeoutMs = reader.duration('timeout', 5_000);
    if (!JOB_STATES.includes(state)) throw new InvalidOptionError('waitFor.state', state, JOB_STATES.join(', '));
    const selection = select(job, reader);
    const end = performance.now() + timeoutMs;
    for (;;) {
      const found = await this.find(selection);
      const match = found.find((one) => one.state === state);
      if (match) return match as RecordFor<Selector>;
      const isHopeless = selection.id !== undefined && found.some((one) => (FINAL_STATES as readonly string[]).includes(one.state));
      if (isHopeless || performance.now() >= end) throw await this.failure(`Expected job ${selection.text} to be ${state}`, { ...options, state });
      await sleep(LOOK_INTERVAL_MS);
    }
  }

  /** The time that the fake queue takes for now. @throws JobStateError for a real queue, as all below do */
  get now(): Date {
    return this.needFake('now').now;
  }

  /**
   * Runs the next job that is due, or the next one of this name, to its end; if its handler takes batches, with those that
   * are due too. Resolves to what became of it; undefined when none is due.
   */
  async runNext<const Selector extends JobSelector>(job?: Selector): Promise<RecordFor<Selector> | undefined> {
    const selection = job === undefined ? undefined : select(job, new OptionReader({}, 'runNext'));
    const [id] = await this.needFake('runNext').runNext(selection?.criteria.name);
    return id === undefined ? undefined : ((await this.queue.get(id)) as RecordFor<Selector>);
  }

  /**
   * Runs what is due, and what those jobs enqueue, one after another, until nothing is due. Resolves to the jobs, in the order of
   * their runs, as they are afterwards.
   *
   * @param options.scheduled true lets the clock go on to the next due time, until nothing waits: delays, retries and all
   * @throws JobStateError when nothing ran because nothing here handles what waits, and after 10,000 runs
   */
  async drain(options: { scheduled?: boolean } = {}): Promise<JobRecord[]> {
    const reader = new OptionReader(options, 'drain');
    const scheduled = reader.boolean('scheduled', false);
    reader.done();
    const ids = await this.needFake('drain').drain(scheduled);
    const jobs = await Promise.all(ids.map((id) => this.queue.get(id)));
    return jobs.filter((job) => job !== undefined);
  }

  /** Lets time pass for due times. In mode `'inline'`, what gets due runs at its time. Timers and `Date` go on as they are. */
  async advance(time: Duration): Promise<void> {
    const durationMs = parseDuration(time);
    if (durationMs === undefined) throw new InvalidOptionError('advance.time', time, DURATION_EXPECTED);
    await this.needFake('advance').advance(durationMs);
  }

  /** Forgets every job and config row; for use between tests. */
  clear(): void {
    this.needFake('clear').clear();
  }

  private async find(selection: Selection): Promise<JobRecord[]> {
    if (selection.id !== undefined) {
      const job = await this.queue.get(selection.id);
      return job && selection.matches(job) ? [job] : [];
    }
    const found: JobRecord[] = [];
    for await (const job of this.queue.iterate(selection.criteria, { predicate: selection.matches, limit: 1_000 })) found.push(job);
    return found;
  }

  private needFake(method: string): TestRuntime {
    if (!this.fake) throw new JobStateError(`${method} needs a fake queue: NotifyQueueTestingModule, or withTestQueue. With a real one, use waitFor.`);
    if (this.fake.mode === 'fake' && (method === 'runNext' || method === 'drain')) {
      throw new JobStateError(`${method} needs mode 'manual'; this queue runs nothing, as its mode is 'fake'.`);
    }
    return this.fake;
  }

  /** Tells what there is, as the job may be there with another payload or name. */
  private async failure(message: string, expected: object): Promise<AssertionError> {
    const { jobs, nextCursor } = await this.queue.find({}, { order: 'newest', limit: MAX_SHOWN });
    const shown = jobs.reverse().map((job) => `\n  ${describeJob(job)}`);
    const what = shown.length > 0 ? `The queue has${nextCursor ? `, as the newest ${MAX_SHOWN}` : ''}:${shown.join('')}` : 'The queue has no job.';
    return new AssertionError({ message: `${message}. Looked for: ${JSON.stringify(expected)}. ${what}`, expected, actual: jobs, operator: 'enqueued' });
  }
}

/**
 * The tester of an application's queue, fake or real.
 *
 * @param name of the `forRoot`, where it has one
 * @throws InvalidArgumentError when there is no such queue
 */
export function getJobQueueTester(app: INestApplicationContext, name: string = DEFAULT_NAME): JobQueueTester {
  const modules = queueModules(app.get(ModulesContainer));
  const module = modules.find(({ providers }) => providers.get(MODULE_NAME)?.instance === name);
  if (!module) {
    const known = modules.map(({ providers }) => String(providers.get(MODULE_NAME)?.instance)).join(', ');
    throw new InvalidArgumentError('name', `that of a NotifyQueueModule or NotifyQueueTestingModule of the application: ${known || 'there is none'}`, `'${name}'`);
  }
  const queue = app.get<JobQueue>(getJobQueueToken(name), { strict: false });
  const configs = app.get<JobConfigs>(getJobConfigsToken(name), { strict: false });
  const runtime: unknown = module.providers.get(RUNTIME)?.instance;
  return new JobQueueTester(queue, configs, runtime instanceof TestRuntime ? runtime : undefined);
}
