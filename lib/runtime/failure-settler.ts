import { decideFailure } from '../core/decide-failure.js';
import { toFailureRecord } from '../core/failure-record.js';
import { finish, settleFailure, type Settlement } from '../core/settlement.js';
import type { Failure, FailureDecision } from '../interfaces/failure-mode.interface.js';
import type { Log } from '../interfaces/ports/index.js';
import type { RunningJob } from './running-job.js';

/** Runs a custom failure mode by its class name. */
export type AskCustomMode = (className: string, failure: Failure) => FailureDecision | Promise<FailureDecision>;

/** Turns a failed run into a settlement by its failure mode. A mode that throws never strands the job. */
export class FailureSettler {
  constructor(
    private readonly askCustomMode: AskCustomMode,
    private readonly log: Log,
  ) {}

  async settle(job: RunningJob, error: unknown): Promise<Settlement> {
    const record = toFailureRecord(error);
    const { id: jobId, name, queue, payload, attempt, policy } = job;
    const failure = { jobId, name, queue, payload, attempt, error, retryDelayMs: policy.retryDelayMs };
    try {
      const verdict = await decideFailure(policy.failureMode, failure, job.failureState, {
        custom: this.askCustomMode,
        random: Math.random,
      });
      const fate = verdict.kind === 'retry' ? `runs again in ${verdict.delayMs} ms` : describe(verdict);
      const report = `Job ${name} failed on attempt ${attempt} and ${fate}: ${record.name}: ${record.message}`;
      if (verdict.kind === 'retry') this.log.debug(report, { jobId, queue, attempt });
      else this.log.warn(report, { jobId, queue, attempt });
      return settleFailure(job, verdict, record);
    } catch (modeError) {
      this.log.error(`The failure mode of job ${name} failed itself; the job is abandoned`, {
        jobId,
        queue,
        error: toFailureRecord(modeError).message,
      });
      return finish(job, 'abandoned', null, { ...record, cause: toFailureRecord(modeError) });
    }
  }
}

function describe(verdict: { kind: 'move'; queue: string } | { kind: 'abandon' }): string {
  return verdict.kind === 'move' ? `moves to queue '${verdict.queue}'` : 'is abandoned';
}
