import { decideFailure } from '../core/decide-failure.js';
import { toFailureRecord } from '../core/failure-record.js';
import { finish, settleFailure, type Settlement } from '../core/settlement.js';
import type { Failure, FailureDecision } from '../interfaces/failure-mode.interface.js';
import type { Log } from '../interfaces/ports/index.js';
import { failedFieldsOf } from './log-fields.js';
import type { RunningJob } from './running-job.js';

/** Runs a custom failure mode by its class name. */
export type AskCustomMode = (className: string, failure: Failure) => FailureDecision | Promise<FailureDecision>;

const MAX_DECISION_MS = 30_000;
/** Retries are daily business, a job that is given up is somebody's loss. */
const LEVELS = { retry: 'debug', move: 'warn', abandon: 'error' } as const;

/** Turns a failed run into a settlement by its failure mode. A mode that throws never strands the job. */
export class FailureSettler {
  constructor(
    private readonly askCustomMode: AskCustomMode,
    private readonly log: Log,
  ) {}

  async settle(job: RunningJob, error: unknown): Promise<Settlement> {
    const record = toFailureRecord(error);
    const { id: jobId, name, queue, attempt, policy } = job;
    // Reading a payload may fail, so only a mode that wants it does.
    const failure = { jobId, name, queue, attempt, error, retryDelayMs: policy.retryDelayMs, get payload() { return job.payload; } };
    try {
      const tools = { custom: this.askCustomMode, random: Math.random };
      const verdict = await inTime(decideFailure(policy.failureMode, failure, job.failureState, tools), policy.maxJobTimeMs);
      const fate = verdict.kind === 'retry' ? `runs again in ${verdict.delayMs} ms` : describe(verdict);
      const report = `Job ${name} failed on attempt ${attempt} and ${fate}: ${record.name}: ${record.message}`;
      this.log[LEVELS[verdict.kind]](report, failedFieldsOf(job, record));
      return settleFailure(job, verdict, record);
    } catch (modeError) {
      this.log.error(`The failure mode of job ${name} failed itself; the job is abandoned`, failedFieldsOf(job, toFailureRecord(modeError)));
      return finish(job, 'abandoned', null, { ...record, cause: toFailureRecord(modeError) });
    }
  }
}

/** A mode holds the job's slot while it decides, so it has as long as the run itself at most. */
async function inTime<T>(deciding: Promise<T>, maxJobTimeMs: number): Promise<T> {
  const limitMs = Math.min(maxJobTimeMs, MAX_DECISION_MS);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The failure mode did not answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([deciding, late]);
  } finally {
    clearTimeout(timer);
  }
}

function describe(verdict: { kind: 'move'; queue: string } | { kind: 'abandon' }): string {
  return verdict.kind === 'move' ? `moves to queue '${verdict.queue}'` : 'is abandoned';
}
