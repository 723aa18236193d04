import type { FailureRecord } from '../interfaces/job-record.interface.js';
import type { RunningJob } from './running-job.js';

/** What every line about a run carries. */
export interface RunFields {
  readonly jobId: string;
  readonly job: string;
  readonly queue: string;
  readonly attempt: number;
  readonly runTimeMs: number;
}

export function fieldsOf({ id, name, queue, attempt, startedAt }: RunningJob): RunFields {
  return { jobId: id, job: name, queue, attempt, runTimeMs: Math.round(performance.now() - startedAt) };
}

/** The same, of a run that failed. */
export function failedFieldsOf(job: RunningJob, { message, code }: FailureRecord): RunFields & { error: string; code?: string } {
  return { ...fieldsOf(job), error: message, ...(code !== undefined && { code }) };
}
