import { formatDuration } from '../core/duration.js';
import { assertName, isId } from '../core/names.js';
import { OptionReader } from '../core/option-reader.js';
import { peek } from '../core/peek.js';
import { InvalidOptionError } from '../errors/configuration.errors.js';
import type { Duration } from '../interfaces/duration.interface.js';
import type { EnqueuedJob } from '../interfaces/enqueue.interface.js';
import type { JobDefinition, PayloadOf, ResultOf } from '../interfaces/job-definition.interface.js';
import type { JobCriteria, JobRecord } from '../interfaces/job-record.interface.js';

/** Which jobs: those of a definition or a name, or the one with an id. */
export type JobSelector = JobDefinition<never, unknown, unknown> | Pick<EnqueuedJob<unknown>, 'id' | 'queue'> | string;

/** Some of a payload's properties, at any depth. */
export type PartOf<T> = T extends object ? { [Key in keyof T]?: PartOf<T[Key]> } : T;

/** What the jobs must look like. What is not named may be anything. */
export interface ExpectedJob<Payload = unknown> {
  /** Must be contained in the job's payload, as PostgreSQL's `@>` has it: some properties, some elements. */
  payload?: PartOf<Payload>;
  queue?: string;
  priority?: number;
  /** Must be among the job's tags. */
  tags?: JobCriteria['tags'];
  group?: string;
  state?: JobCriteria['state'];
  /** From the enqueue until it is due. */
  delay?: Duration;
  /** When it is due, give or take a second. */
  runAt?: Date;
}

export type PayloadFor<Selector> = Selector extends JobDefinition<infer Payload, infer _Result, infer _Handled>
  ? Payload
  : Selector extends string
    ? PayloadOf<Selector>
    : unknown;

export type RecordFor<Selector> = Selector extends JobDefinition<infer Payload, infer Result, infer _Handled>
  ? JobRecord<Payload, Result>
  : Selector extends string
    ? JobRecord<PayloadOf<Selector>, ResultOf<Selector>>
    : Selector extends EnqueuedJob<infer Result>
      ? JobRecord<unknown, Result>
      : JobRecord;

/** A selector with what its jobs must look like, checked. */
export interface Selection {
  readonly id: string | undefined;
  readonly criteria: JobCriteria;
  readonly matches: (job: JobRecord) => boolean;
  /** For texts. */
  readonly text: string;
}

/** A date is seldom known to the millisecond; a delay is, but for rounding. */
const DATE_TOLERANCE_MS = 1_000;
const DELAY_TOLERANCE_MS = 1;

/** @throws InvalidArgumentError, InvalidOptionError */
export function select(selector: JobSelector, reader: OptionReader): Selection {
  const id = [selector, peek(selector, 'id')].find(isId)?.toLowerCase();
  const name = typeof selector === 'string' ? selector : peek(selector, 'name');
  if (id === undefined) assertName('job', name);
  const { payload, queue, state, tags, group } = reader.source as JobCriteria;
  for (const key of ['payload', 'queue', 'state', 'tags', 'group']) reader.raw(key);
  const priority = reader.integer('priority', Number.NaN, -32_768, 32_767);
  const delayMs = reader.duration('delay', Number.NaN);
  const runAt = reader.raw('runAt');
  if (runAt !== undefined && !(runAt instanceof Date && !Number.isNaN(runAt.getTime()))) throw new InvalidOptionError(reader.name('runAt'), runAt, 'a valid Date');
  reader.done();
  return {
    id,
    criteria: { ...(id === undefined && { name: name as string }), payload, queue, state, tags, group },
    matches: (job) =>
      (Number.isNaN(priority) || job.priority === priority) &&
      (Number.isNaN(delayMs) || isClose(job.runAt.getTime() - job.enqueuedAt.getTime(), delayMs, DELAY_TOLERANCE_MS)) &&
      (runAt === undefined || isClose(job.runAt.getTime(), runAt.getTime(), DATE_TOLERANCE_MS)),
    text: id ?? `'${String(name)}'`,
  };
}

/** A job in one line, for texts. */
export function describeJob({ id, name, queue, state, priority, payload, runAt, enqueuedAt, tags, group, failure }: JobRecord): string {
  const delayMs = runAt.getTime() - enqueuedAt.getTime();
  const parts = [
    `'${name}' ${state} in queue '${queue}'`,
    priority !== 0 && `priority ${priority}`,
    delayMs > 0 && `delay ${formatDuration(delayMs)}`,
    tags.length > 0 && `tags ${tags.join(' ')}`,
    group !== null && `group '${group}'`,
    `payload ${JSON.stringify(payload)}`,
    failure && `failed with ${failure.name}: ${failure.message}`,
  ];
  return `${parts.filter(Boolean).join(', ')} (${id})`;
}

function isClose(a: number, b: number, tolerance: number): boolean {
  return Math.abs(a - b) <= tolerance;
}
