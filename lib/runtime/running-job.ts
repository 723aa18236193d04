import type { FailureState } from '../core/decide-failure.js';
import { decodeContext, decodePayloadVersion } from '../core/run-options.js';
import { encodeJson } from '../core/json.js';
import { maxAttemptsOf } from '../core/failure-modes.js';
import type { CodecSubject, JobCodec } from '../interfaces/job-codec.interface.js';
import type { Job, JobLog } from '../interfaces/job.interface.js';
import type { ReservedJob } from '../interfaces/ports/index.js';
import type { Batch } from './batch.js';
import type { RunPolicy } from './handler.js';

/** What a running job needs from its process. */
export interface JobTools {
  readonly maxPayloadSize: number;
  /** How values are stored; undefined as they are. */
  readonly codec: JobCodec | undefined;
  readonly logOf: (job: Pick<Job, 'id' | 'name' | 'queue' | 'attempt'>) => JobLog;
  readonly saveProgress: (job: RunningJob, json: string) => void;
}

/**
 * One run of a job, as the handler sees it. What a handler may never ask for (payload, signal, log)
 * is made when it is first asked for.
 */
export class RunningJob implements Job {
  readonly startedAt = performance.now();
  /** Why the run must end; set once. */
  abortReason: Error | undefined;
  /** Its end is being committed by the transaction of its handler: what was told to end may have ended well. */
  committing = false;
  /** The run has been settled, though the handler may go on. */
  isOver = false;
  /** Reserves no longer pass over its row. */
  shelved = false;
  private parsedPayload: { value: unknown } | undefined;
  private carried: Readonly<Record<string, unknown>> | undefined;
  private controller: AbortController | undefined;
  private jobLog: JobLog | undefined;

  constructor(
    readonly reserved: ReservedJob,
    readonly policy: RunPolicy,
    private readonly tools: JobTools,
    /** The jobs that its handler takes with it. */
    readonly batch?: Batch,
  ) {}

  get id(): string {
    return this.reserved.id;
  }

  get name(): string {
    return this.reserved.name;
  }

  get queue(): string {
    return this.reserved.queue;
  }

  get attempt(): number {
    return this.reserved.attempt;
  }

  get reservation(): number {
    return this.reserved.reservation;
  }

  get maxAttempts(): number | undefined {
    return maxAttemptsOf(this.policy.failureMode);
  }

  get enqueuedAt(): Date {
    return new Date(this.reserved.enqueuedAt);
  }

  /** From when it was first due until it was reserved. */
  get waitTimeMs(): number {
    const { runAt, enqueuedAt, reservedAt } = this.reserved;
    return Math.max(0, new Date(reservedAt).getTime() - new Date(runAt ?? enqueuedAt).getTime());
  }

  get context(): Readonly<Record<string, unknown>> {
    return (this.carried ??= decodeContext(this.reserved.options));
  }

  get payload(): unknown {
    this.parsedPayload ??= { value: this.readPayload() };
    return this.parsedPayload.value;
  }

  /** Of the definition that it was enqueued by; 1 where it says nothing. */
  get payloadVersion(): number {
    return decodePayloadVersion(this.reserved.options);
  }

  /** Takes what the definition made of the payload. */
  open(payload: unknown): void {
    this.parsedPayload = { value: payload };
  }

  get failureState(): FailureState | null {
    return this.reserved.failureState === null ? null : (JSON.parse(this.reserved.failureState) as FailureState);
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.abortReason) this.controller.abort(this.abortReason);
    }
    return this.controller.signal;
  }

  get log(): JobLog {
    return (this.jobLog ??= this.tools.logOf(this));
  }

  /** Of a run that is over it is refused, as its result is: another run may be under way. */
  progress(value: unknown): void {
    if (this.isOver) return;
    this.tools.saveProgress(this, this.encode(encodeJson(value, 'progress', this.tools.maxPayloadSize), 'progress'));
  }

  /** Reading the payload may fail. */
  get isEncoded(): boolean {
    return this.tools.codec !== undefined;
  }

  /** JSON as it is to be stored. */
  encode(json: string, kind: CodecSubject['kind']): string {
    return this.tools.codec ? this.tools.codec.encode(json, this.subject(kind)) : json;
  }

  private readPayload(): unknown {
    const stored: unknown = JSON.parse(this.reserved.payload);
    return this.tools.codec ? this.tools.codec.decode(stored, this.subject('payload')) : stored;
  }

  private subject(kind: CodecSubject['kind']): CodecSubject {
    const { id, name, queue } = this.reserved;
    return { kind, id, name, queue };
  }

  /** Fires the signal. The first reason counts. */
  abort(reason: Error): void {
    if (this.abortReason) return;
    this.abortReason = reason;
    this.controller?.abort(reason);
  }
}
