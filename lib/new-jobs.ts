import type { EntityManager } from 'typeorm';
import { newId } from './core/new-id.js';
import { MAX_DURATION_MS, parseDuration } from './core/duration.js';
import { toFailureRecord } from './core/failure-record.js';
import { encodeJson } from './core/json.js';
import { assertId, assertName, isName, NAME_EXPECTED } from './core/names.js';
import { OptionReader } from './core/option-reader.js';
import { isArray, peek } from './core/peek.js';
import { encodeRunSettings, readRunOptions } from './core/run-options.js';
import { uniqueKeyOf, readUnique, type UniqueRule } from './core/unique.js';
import { contractOf, optionsOf, readPriority, readQueue } from './define-job.js';
import { describe, InvalidOptionError, UnknownQueueError } from './errors/configuration.errors.js';
import { InvalidArgumentError, UnstorableValueError, ValueTooLargeError } from './errors/enqueue.errors.js';
import type { HandlerRegistry } from './handler-registry.js';
import type { EnqueueOptions } from './interfaces/enqueue.interface.js';
import type { JobDefinition, JobDefinitionOptions } from './interfaces/job-definition.interface.js';
import type { JobRecord, JobUpdate } from './interfaces/job-record.interface.js';
import type { JobChanges, NewJob } from './interfaces/ports/index.js';
import type { StandardSchema } from './interfaces/standard-schema.interface.js';
import { readManager } from './manager-option.js';
import { DEFAULT_NAME, DEFAULT_QUEUE } from './notify-queue.constants.js';
import type { ResolvedOptions } from './notify-queue.options.js';
import type { InsertKind } from './runtime/enqueue-batcher.js';

export type JobInput = JobDefinition | string;

const MAX_BULK_ROWS = 10_000;
const MAX_TAGS = 20;
const TAGS_EXPECTED = `at most ${MAX_TAGS} tags, each ${NAME_EXPECTED}`;
const MAX_CONTEXT_BYTES = 8_192;
const MAX_BULK_CHARS = 64 * 1_048_576;
const BULK_ADVICE = 'Enqueue in several calls.';
/** Dates that JavaScript and PostgreSQL both write the same way, give or take ten years from now. */
const DATE_EXPECTED = 'a valid Date at most ten years from now';

/** What an enqueue comes to. */
export interface Enqueue {
  readonly jobs: NewJob[];
  readonly manager: EntityManager | undefined;
  /** How they are stored: `'once'` where the caller chose the id, so that the job may exist already. */
  readonly kind: InsertKind;
  /** What the payloads must still pass. */
  readonly schema: StandardSchema | undefined;
}

interface Template extends Omit<NewJob, 'id' | 'payload' | 'group' | 'unique'> {
  readonly group: JobDefinitionOptions['group'];
  readonly unique: UniqueRule | undefined;
  readonly schema: StandardSchema | undefined;
  readonly id: string | undefined;
  readonly manager: EntityManager | undefined;
}

/** Turns the arguments of an enqueue into rows, with everything checked before anything is written. */
export class NewJobs {
  constructor(
    private readonly options: ResolvedOptions,
    private readonly handlers: HandlerRegistry,
  ) {}

  /** @throws InvalidOptionError, InvalidArgumentError, UnknownQueueError, UnstorableValueError, ValueTooLargeError */
  make(job: JobInput, payload: unknown, options: EnqueueOptions, context?: object): Enqueue {
    const template = this.template(job, options, context);
    const { id, manager, schema } = template;
    return { schema, jobs: [this.toNewJob(template, payload, id?.toLowerCase() ?? newId(), 'payload')], manager, kind: template.unique?.onConflict ?? (id === undefined ? 'new' : 'once') };
  }

  /** @throws as `make` does */
  makeMany(job: JobInput, payloads: readonly unknown[], options: EnqueueOptions, context?: object): Enqueue {
    const list = readBulk(payloads);
    const template = this.template(job, options, context);
    const { id, manager, schema } = template;
    if (id !== undefined) throw new InvalidOptionError('enqueueMany.id', id, 'none: each job of a bulk gets an id of its own');
    let chars = 0;
    const jobs = list.map((payload, index) => {
      const newJob = this.toNewJob(template, payload, newId(), `payloads[${index}]`);
      chars += newJob.payload.length + (newJob.options?.length ?? 0);
      if (chars > MAX_BULK_CHARS) throw new ValueTooLargeError('The bulk', chars, MAX_BULK_CHARS, BULK_ADVICE, 'characters');
      return newJob;
    });
    return { schema, jobs, manager, kind: template.unique?.onConflict ?? 'new' };
  }

  /** What an update comes to. @throws as `make` does */
  change({ name }: JobRecord, changes: JobUpdate): { readonly changes: JobChanges; readonly schema: StandardSchema | undefined } {
    const reader = new OptionReader(changes, 'update');
    const given = reader.raw('payload');
    const contract = given === undefined ? undefined : this.handlers.get(name)?.contract;
    const priority = readPriority(reader, Number.NaN);
    const delayMs = reader.duration('delay', Number.NaN);
    const runAtMs = readRunAt(reader);
    reader.done();
    return {
      schema: contract?.schema,
      changes: {
        ...(given !== undefined && { payload: encodeJson(given, 'payload', this.options.maxPayloadSize), payloadVersion: contract?.version }),
        ...(!Number.isNaN(priority) && { priority }),
        ...(!Number.isNaN(delayMs) && { delayMs }),
        ...(runAtMs !== null && { runAtMs }),
      },
    };
  }

  /** Queues that are configured or that a handler serves. */
  knownQueues(): string[] {
    return [...new Set([...this.options.queues.keys(), ...this.handlers.all().map((handler) => handler.queue)])];
  }

  /** @throws UnknownQueueError */
  checkQueue(queue: string): void {
    if (this.options.allowUnknownQueues || this.options.queues.has(queue)) return;
    const known = this.knownQueues();
    if (known.includes(queue)) return;
    throw new UnknownQueueError(
      `Queue '${queue}' is not known here, and allowUnknownQueues is false. Known: ${known.join(', ') || 'none'}. ` +
        `Add it to NotifyQueueModule.forRoot({ queues: { '${queue}': {} } }).`,
    );
  }

  /** A definition belongs to one JobQueue; where its rows would go otherwise, no handler of it looks. */
  private checkJobQueue(name: string, jobQueue: string): void {
    if (jobQueue === this.options.name) return;
    const other = `the definition of '${name}' for JobQueue '${jobQueue}'`;
    throw new InvalidArgumentError('job', `one for JobQueue '${this.options.name}': inject the other one with @InjectJobQueue('${jobQueue}')`, other);
  }

  private uniqueOf(defined: JobDefinitionOptions, name: string): UniqueRule | null | undefined {
    return defined.unique && readUnique(new OptionReader(defined, `definition of ${name}`));
  }

  /** @throws InvalidOptionError */
  private checkUnique({ onConflict }: UniqueRule, id: unknown, group: unknown): void {
    if (id !== undefined) throw new InvalidOptionError('enqueue.id', id, 'only one of id and unique');
    if (onConflict !== 'keep' && this.options.codec) {
      throw new InvalidOptionError('enqueue.unique.onConflict', onConflict, "'keep' with a codec: what it stores is bound to the id of the job");
    }
    if (onConflict === 'again' && group !== undefined) {
      throw new InvalidOptionError('enqueue.group', group, "none with unique.onConflict 'again', which makes a group of its own");
    }
  }

  private toNewJob(template: Template, payload: unknown, id: string, what: string): NewJob {
    const { queue, name, priority, delayMs, runAtMs, options } = template;
    const json = encodeJson(payload, what, this.options.maxPayloadSize);
    const unique = template.unique ? uniqueKeyOf(template.unique, name, json) : null;
    const group = unique?.onConflict === 'again' ? `\u0001${unique.key}` : groupOf(template, payload);
    // Spelled out: spreading the template took longer than all the rest.
    return { id, queue, name, payload: json, priority, delayMs, runAtMs, options, group, unique };
  }

  private template(job: JobInput, options: EnqueueOptions, context: object | undefined): Template {
    const name = typeof job === 'object' ? peek(job, 'name') : job;
    assertName('job', name);
    const defined = typeof job === 'string' ? {} : optionsOf(job, name);
    if (typeof job !== 'string') this.checkJobQueue(name, defined.jobQueue ?? DEFAULT_NAME);
    const reader = new OptionReader(options, 'enqueue');
    const manager = readManager(reader);
    const id = reader.raw('id');
    if (id !== undefined) assertId('id', id);
    const queue = readQueue(reader) ?? defined.queue ?? this.handlers.get(name)?.queue ?? DEFAULT_QUEUE;
    const priority = readPriority(reader, defined.priority);
    const delayMs = reader.duration('delay', parseDuration(defined.delay ?? 0) ?? 0);
    const runAtMs = readRunAt(reader);
    const contract = typeof job === 'string' ? this.handlers.get(name)?.contract : contractOf(job, name);
    const settings = encodeRunSettings(readRunOptions(reader), readContext(context), contract?.version, readTags(reader));
    const named = reader.value<string | undefined>('group', undefined, NAME_EXPECTED, (value) => (isName(value) ? value : undefined));
    const group = named ?? defined.group;
    const own = readUnique(reader);
    const unique = (own === undefined ? this.uniqueOf(defined, name) : own) ?? undefined;
    reader.done();
    this.checkQueue(queue);
    if (unique) this.checkUnique(unique, id, group);
    return { name, queue, priority, delayMs: runAtMs === null ? delayMs : 0, runAtMs, options: settings, id, manager, schema: contract?.schema, group, unique };
  }
}

/** @throws InvalidOptionError */
function groupOf({ group, name }: Pick<Template, 'group' | 'name'>, payload: unknown): string | null {
  const key: unknown = typeof group === 'function' ? group(payload as never) : group;
  if (key === undefined || isName(key)) return key ?? null;
  throw new InvalidOptionError(`defineJob('${name}').group(payload)`, key, NAME_EXPECTED);
}

/** @throws InvalidOptionError */
function readTags(reader: OptionReader): readonly string[] | undefined {
  const tags = reader.value<readonly string[] | undefined>('tags', undefined, TAGS_EXPECTED, (value) =>
    isArray(value) && value.length <= MAX_TAGS && value.every(isName) ? [...new Set(value as string[])] : undefined,
  );
  return tags?.length ? tags : undefined;
}

/** What travels with the jobs, as JSON text. @throws UnstorableValueError, ValueTooLargeError */
function readContext(context: object | undefined): string | undefined {
  if (!context || Object.keys(context).length === 0) return undefined;
  return encodeJson(context, 'context', MAX_CONTEXT_BYTES, 'Let less travel with each job, such as an id to look the rest up by.');
}

/** @throws InvalidArgumentError, ValueTooLargeError */
function readBulk(payloads: unknown): unknown[] {
  if (!isArray(payloads)) throw new InvalidArgumentError('payloads', 'an array', describe(payloads));
  const { length } = payloads;
  if (length > MAX_BULK_ROWS) throw new ValueTooLargeError('The bulk', length, MAX_BULK_ROWS, BULK_ADVICE, 'jobs');
  // A place that holds nothing is a job without a payload.
  return Array.from({ length }, (_, index) => {
    try {
      return payloads[index];
    } catch (error) {
      throw new UnstorableValueError(`payloads[${index}]`, `reading it failed with: ${toFailureRecord(error).message}`);
    }
  });
}

function readRunAt(reader: OptionReader): number | null {
  const runAtMs = reader.value<number | null>('runAt', null, DATE_EXPECTED, (value) => {
    const atMs = value instanceof Date ? value.getTime() : Number.NaN;
    return Math.abs(atMs - Date.now()) <= MAX_DURATION_MS ? atMs : undefined;
  });
  const delay = reader.raw('delay');
  if (runAtMs !== null && delay !== undefined) throw new InvalidOptionError('enqueue.delay', delay, 'only one of delay and runAt');
  return runAtMs;
}
