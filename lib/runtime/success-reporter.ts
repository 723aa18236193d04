import { toFailureRecord } from '../core/failure-record.js';
import type { Success } from '../interfaces/success-mode.interface.js';
import type { Log } from '../interfaces/ports/index.js';
import type { RunningJob } from './running-job.js';

/** Runs a custom success mode by its class name. */
export type TellCustomMode = (className: string, success: Success) => void | Promise<void>;

/** Runs success modes, after the completion is committed. Whatever a mode throws is logged and changes nothing. */
export class SuccessReporter {
  private readonly expected = new Map<string, () => Promise<void>>();

  constructor(
    private readonly tellCustomMode: TellCustomMode,
    private readonly log: Log,
  ) {}

  /** Remembers a run that returned, until its completion is committed or lost. */
  expect(job: RunningJob, result: string | null): void {
    if (job.policy.successMode.mode === 'none') return;
    const runTimeMs = performance.now() - job.startedAt;
    this.expected.set(job.id, () => this.report(job, result, runTimeMs));
  }

  settled(id: string): void {
    if (this.expected.size === 0) return;
    const report = this.expected.get(id);
    this.expected.delete(id);
    void report?.();
  }

  forget(id: string): void {
    this.expected.delete(id);
  }

  private async report(job: RunningJob, result: string | null, runTimeMs: number): Promise<void> {
    const { id: jobId, name, queue, attempt, enqueuedAt, policy } = job;
    const startedAt = new Date(job.reserved.reservedAt);
    const queueTimeMs = startedAt.getTime() - enqueuedAt.getTime();
    try {
      if (policy.successMode.mode === 'log') {
        const times = `waited ${Math.round(queueTimeMs)} ms, ran ${Math.round(runTimeMs)} ms`;
        this.log.log(`Job ${name} completed: ${times}`, { jobId, job: name, queue, attempt, queueTimeMs, runTimeMs });
      } else if (policy.successMode.mode === 'custom') {
        await this.tellCustomMode(policy.successMode.className, {
          jobId,
          name,
          queue,
          payload: job.payload,
          attempt,
          result: result === null ? undefined : JSON.parse(result),
          enqueuedAt,
          startedAt,
          completedAt: new Date(startedAt.getTime() + runTimeMs),
          queueTimeMs,
          runTimeMs,
        });
      }
    } catch (error) {
      this.log.error(`The success mode of job ${name} failed; the job is completed all the same`, {
        jobId,
        job: name,
        queue,
        attempt,
        error: toFailureRecord(error).message,
      });
    }
  }
}
