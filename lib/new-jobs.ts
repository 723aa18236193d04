import { newId } from './core/new-id.js';
import { MAX_DURATION_MS, parseDuration } from './core/duration.js';
import { encodeJson } from './core/json.js';
import { assertId, assertName } from './core/names.js';
import { OptionReader } from './core/option-reader.js';
import { encodeRunSettings, readRunOptions } from './core/run-options.js';
import { readPriority, readQueue } from './define-job.js';
import { describe, InvalidOptionError, UnknownQueueError } from './errors/configuration.errors.js';
import { InvalidArgumentError, ValueTooLargeError } from './errors/enqueue.errors.js';
import type { HandlerRegistry } from './handler-registry.js';
import type { EnqueueOptions } from './interfaces/enqueue.interface.js';
import type { JobDefinition, JobDefinitionOptions } from './interfaces/job-definition.interface.js';
import type { NewJob } from './interfaces/ports/index.js';
import { readManager } from './manager-option.js';
import { DEFAULT_QUEUE } from './notify-queue.constants.js';
import type { ResolvedOptions } from './notify-queue.options.js';

export type JobInput = JobDefinition | string;

const MAX_BULK_ROWS = 10_000;
const MAX_BULK_CHARS = 64 * 1_048_576;
/** Dates that JavaScript and PostgreSQL both write the same way, give or take ten years from now. */
const DATE_EXPECTED = 'a valid Date at most ten years from now';


type Template = Omit<NewJob, 'id' | 'payload'>;

/** Turns the arguments of an enqueue into rows, with everything checked before anything is written. */
export class NewJobs {
  constructor(
    private readonly options: ResolvedOptions,
    private readonly handlers: HandlerRegistry,
  ) {}

  /** @throws InvalidOptionError, InvalidArgumentError, UnknownQueueError, UnstorableValueError, ValueTooLargeError */
  make(job: JobInput, payload: unknown, options: EnqueueOptions): NewJob {
    const template = this.template(job, options);
    if (options.id !== undefined) assertId('id', options.id);
    return this.toNewJob(template, payload, options.id?.toLowerCase() ?? newId(), 'payload');
  }

  /** @throws as `make` does */
  makeMany(job: JobInput, payloads: readonly unknown[], options: EnqueueOptions): NewJob[] {
    if (!Array.isArray(payloads)) throw new InvalidArgumentError('payloads', 'an array', describe(payloads));
    if (options.id !== undefined) throw new InvalidOptionError('enqueueMany.id', options.id, 'none: each job of a bulk gets an id of its own');
    const advice = 'Enqueue in several calls.';
    if (payloads.length > MAX_BULK_ROWS) {
      throw new ValueTooLargeError('The bulk', payloads.length, MAX_BULK_ROWS, advice, 'jobs');
    }
    const template = this.template(job, options);
    let chars = 0;
    return payloads.map((payload, index) => {
      const newJob = this.toNewJob(template, payload, newId(), `payloads[${index}]`);
      chars += newJob.payload.length;
      if (chars > MAX_BULK_CHARS) throw new ValueTooLargeError('The bulk', chars, MAX_BULK_CHARS, advice, 'characters');
      return newJob;
    });
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

  private toNewJob(template: Template, payload: unknown, id: string, what: string): NewJob {
    const { queue, name, priority, delayMs, runAtMs, options } = template;
    // Spelled out: spreading the template took longer than all the rest.
    return { id, queue, name, payload: encodeJson(payload, what, this.options.maxPayloadSize), priority, delayMs, runAtMs, options };
  }

  private template(job: JobInput, options: EnqueueOptions): Template {
    const name = typeof job === 'string' ? job : job?.name;
    assertName('job', name);
    const defined: JobDefinitionOptions = typeof job === 'string' ? {} : job.options;
    const reader = new OptionReader(options, 'enqueue');
    readManager(reader);
    reader.raw('id');
    const queue = readQueue(reader) ?? defined.queue ?? this.handlers.get(name)?.queue ?? DEFAULT_QUEUE;
    const priority = readPriority(reader, defined.priority);
    const delayMs = reader.duration('delay', parseDuration(defined.delay ?? 0) ?? 0);
    const runAtMs = readRunAt(reader, options);
    const settings = encodeRunSettings(readRunOptions(reader));
    reader.done();
    this.checkQueue(queue);
    return { name, queue, priority, delayMs: runAtMs === null ? delayMs : 0, runAtMs, options: settings };
  }
}

function readRunAt(reader: OptionReader, options: EnqueueOptions): number | null {
  const runAt = reader.value<Date | null>('runAt', null, DATE_EXPECTED, (value) =>
    value instanceof Date && Math.abs(value.getTime() - Date.now()) <= MAX_DURATION_MS ? value : undefined,
  );
  if (runAt && options.delay !== undefined) {
    throw new InvalidOptionError('enqueue.delay', options.delay, 'only one of delay and runAt');
  }
  return runAt && runAt.getTime();
}
