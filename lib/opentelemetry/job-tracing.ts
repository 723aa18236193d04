import {
  context,
  propagation,
  ROOT_CONTEXT,
  type Context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type TextMapSetter,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { toFailureRecord } from '../core/failure-record.js';
import { peek } from '../core/peek.js';
import type { EnqueuedJob } from '../interfaces/enqueue.interface.js';
import type { JobEvent } from '../interfaces/job-event.interface.js';
import type { EnqueueCall } from '../interfaces/job-middleware.interface.js';
import type { Job } from '../interfaces/job.interface.js';
import { ATTRIBUTES, operation } from './attributes.js';

/** A longer one, such as a large baggage, is not stored: a job's context has room for 8 KiB in all. */
const MAX_HEADER_LENGTH = 4_096;

/** Told while there is no outcome of the run. */
const BEFORE_THE_END: ReadonlySet<JobEvent['kind']> = new Set(['job:enqueued', 'job:started', 'job:stuck', 'job:rescued'] as const);

type Carrier = Record<string, unknown>;

const SETTER: TextMapSetter<Carrier> = {
  set(carrier, key, value) {
    if (value.length <= MAX_HEADER_LENGTH) carrier[key] = value;
  },
};

/** Rows can be written by SQL, so nothing but texts is taken for a header. */
const GETTER: TextMapGetter<Readonly<Carrier>> = {
  keys: (carrier) => Object.keys(carrier),
  get(carrier, key) {
    const value = Object.hasOwn(carrier, key) ? carrier[key] : undefined;
    return typeof value === 'string' ? value : undefined;
  },
};

interface Run {
  readonly context: Context;
  /** Undefined while it runs. */
  endedAt?: number;
}

/** Spans of the enqueue, the run and the commit of its outcome. */
export class JobTracing {
  /** Runs whose outcome is not committed yet. */
  private readonly runs = new Map<string, Run>();

  constructor(
    private readonly tracer: Tracer,
    /** Whether each run begins a trace of its own. */
    private readonly newTraces = false,
  ) {}

  async enqueue(call: EnqueueCall, next: () => Promise<readonly EnqueuedJob[]>): Promise<readonly EnqueuedJob[]> {
    if (call.count === 0) return next();
    const attributes = { ...operation('send'), [ATTRIBUTES.name]: call.name, ...(call.count > 1 && { [ATTRIBUTES.count]: call.count }) };
    const span = this.tracer.startSpan('send', { kind: SpanKind.PRODUCER, attributes });
    const active = trace.setSpan(context.active(), span);
    propagation.inject(active, call.context, SETTER);
    try {
      const jobs = await context.with(active, next);
      // Which queue it is nobody knows before: definitions and handlers have a say.
      const [first] = jobs;
      if (first) {
        span.updateName(`send ${first.queue}`);
        span.setAttribute(ATTRIBUTES.queue, first.queue);
        if (jobs.length === 1) span.setAttribute(ATTRIBUTES.jobId, first.id);
      }
      return jobs;
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  async run(job: Job, next: () => unknown): Promise<unknown> {
    // Not in the active context: a job can be started by the very call that enqueued it, or by one of another's.
    const carried = propagation.extract(ROOT_CONTEXT, job.context, GETTER);
    const producer = trace.getSpanContext(carried);
    // Without its span what else travels with the job, such as baggage, is kept.
    const parent = this.newTraces ? trace.deleteSpan(carried) : carried;
    const attributes = {
      ...operation('process'),
      [ATTRIBUTES.queue]: job.queue,
      [ATTRIBUTES.jobId]: job.id,
      [ATTRIBUTES.name]: job.name,
      [ATTRIBUTES.attempt]: job.attempt,
    };
    const span = this.tracer.startSpan(`process ${job.queue}`, { kind: SpanKind.CONSUMER, attributes, ...(producer && { links: [{ context: producer }] }) }, parent);
    const run: Run = { context: trace.setSpan(parent, span) };
    // Nobody would see how it ends.
    if (!span.isRecording()) return context.with(run.context, next);
    this.runs.set(keyOf(job.id, job.attempt), run);
    try {
      return await context.with(run.context, next);
    } catch (error) {
      // A run that was told to end failed of that, whatever its handler made of it.
      if (peek(error, 'code') !== 'SNOOZE_JOB') fail(span, job.signal.aborted ? job.signal.reason : error);
      throw error;
    } finally {
      span.end();
      run.endedAt = Date.now();
    }
  }

  event({ kind, jobId, queue, name, attempt = 0 }: JobEvent): void {
    if (BEFORE_THE_END.has(kind)) return;
    if (this.runs.size === 0) return;
    const key = keyOf(jobId, attempt);
    const run = this.runs.get(key);
    this.runs.delete(key);
    // A handler that ignores its signal may still run: then there is no time from its end to the commit.
    if (run?.endedAt === undefined) return;
    const attributes = {
      ...operation('settle'),
      [ATTRIBUTES.queue]: queue,
      [ATTRIBUTES.jobId]: jobId,
      [ATTRIBUTES.name]: name,
      [ATTRIBUTES.attempt]: attempt,
      [ATTRIBUTES.outcome]: kind.slice('job:'.length),
    };
    const span = this.tracer.startSpan(`settle ${queue}`, { kind: SpanKind.CLIENT, attributes, startTime: run.endedAt }, run.context);
    if (kind === 'job:lost') span.setStatus({ code: SpanStatusCode.ERROR, message: 'The process no longer held the job' });
    span.end();
  }

  /** How many runs are kept; for tests. */
  get kept(): number {
    return this.runs.size;
  }
}

function fail(span: Span, error: unknown): void {
  const { name, message, stack } = toFailureRecord(error);
  span.recordException({ name, message, stack });
  span.setAttribute(ATTRIBUTES.errorType, name);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

function keyOf(jobId: string, attempt: number): string {
  return `${jobId} ${attempt}`;
}
