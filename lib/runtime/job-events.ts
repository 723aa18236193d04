import { toFailureRecord } from '../core/failure-record.js';
import type { Settlement } from '../core/settlement.js';
import type { JobEvent, JobEventKind } from '../interfaces/job-event.interface.js';
import type { Log, NewJob, RescuedJob } from '../interfaces/ports/index.js';
import { Repeats } from './repeats.js';
import type { RunningJob } from './running-job.js';

type Listener = (event: JobEvent) => void;

/**
 * Tells what happens to jobs in this process. An end is told when it is committed. While nobody listens it costs a look
 * at an empty set. A listener that throws is reported and hurts nobody.
 */
export class JobEvents {
  private readonly listeners = new Set<Listener>();
  /** Ends of runs that are not committed yet, by id. */
  private readonly expected = new Map<string, JobEvent>();
  private readonly repeats = new Repeats();

  constructor(private readonly log: Log) {}

  get observed(): boolean {
    return this.listeners.size > 0;
  }

  /** Returns what ends it. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  emit(event: JobEvent): void {
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch (error) {
        this.report(error);
      }
    }
  }

  report(error: unknown): void {
    const { message, stack } = toFailureRecord(error);
    if (this.repeats.isDue(message)) this.log.error('A listener of job events failed', { error: stack ?? message });
  }

  enqueued(jobs: readonly NewJob[]): void {
    if (!this.observed) return;
    for (const { id, name, queue } of jobs) this.emit({ kind: 'job:enqueued', jobId: id, name, queue });
  }

  started(job: RunningJob): void {
    if (!this.observed) return;
    this.emit({ ...about(job, 'job:started'), ...(job.attempt === 1 && { waitTimeMs: job.waitTimeMs }) });
  }

  /** The handler ignores its signal: its run is about to be ended without it. */
  stuck(job: RunningJob): void {
    if (!this.observed) return;
    const runTimeMs = performance.now() - job.startedAt;
    this.emit({ ...about(job, 'job:stuck'), runTimeMs, failure: toFailureRecord(job.abortReason) });
  }

  /** A run has come to an end, which is told when it is committed; without a settlement it is lost. */
  ended(job: RunningJob, settlement: Settlement | undefined): void {
    if (!this.observed) return;
    const runTimeMs = performance.now() - job.startedAt;
    const event: JobEvent = { ...about(job, kindOf(settlement)), runTimeMs, ...detailsOf(settlement) };
    if (settlement) this.expected.set(job.id, event);
    else this.emit(event);
  }

  settled(id: string): void {
    if (this.expected.size === 0) return;
    const event = this.take(id);
    if (event) this.emit(event);
  }

  lost(id: string): void {
    const event = this.take(id);
    if (event) this.emit({ ...event, kind: 'job:lost' });
  }

  /** Nothing that ended here will be committed any more. */
  lostAll(): void {
    for (const id of this.expected.keys()) this.lost(id);
  }

  rescued(jobs: readonly RescuedJob[]): void {
    if (!this.observed) return;
    for (const { id, name, queue } of jobs) this.emit({ kind: 'job:rescued', jobId: id, name, queue });
  }

  private take(id: string): JobEvent | undefined {
    const event = this.expected.get(id);
    this.expected.delete(id);
    return event;
  }
}

function about(job: RunningJob, kind: JobEventKind): JobEvent {
  const { id: jobId, name, queue, attempt, context } = job;
  return { kind, jobId, name, queue, attempt, context };
}

function kindOf(settlement: Settlement | undefined): JobEventKind {
  if (!settlement) return 'job:lost';
  if (settlement.action === 'finish') return `job:${settlement.state}`;
  if (settlement.queue !== null) return 'job:moved';
  return settlement.countAttempt ? 'job:retried' : 'job:released';
}

function detailsOf(settlement: Settlement | undefined): Partial<JobEvent> {
  if (!settlement) return {};
  const { failure } = settlement;
  return { ...(failure && { failure }), ...(settlement.action === 'requeue' && { delayMs: settlement.delayMs }) };
}
