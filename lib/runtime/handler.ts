import type { PayloadContract } from '../core/payload-contract.js';
import type { Job } from '../interfaces/job.interface.js';
import type { FailureModeSpec } from '../interfaces/failure-mode.interface.js';
import type { SuccessModeSpec } from '../interfaces/success-mode.interface.js';

/** How the runs of one job behave, everything resolved. */
export interface RunPolicy {
  readonly maxJobTimeMs: number;
  /** From the signal until the slot is freed. */
  readonly abortGraceMs: number;
  readonly failureMode: FailureModeSpec;
  readonly successMode: SuccessModeSpec;
  /** Delay of a `Retry()` that names none. */
  readonly retryDelayMs: number;
}

/** A handler as the runtime calls it. */
export interface Handler {
  readonly name: string;
  readonly invoke: (job: Job) => unknown;
  /** What its definition says of payloads. */
  readonly contract?: PayloadContract;
}

/** What the runtime asks of the application: the handlers, and how a job of a queue runs. */
export interface Handlers {
  /** Names of all jobs that this process can run. */
  readonly names: readonly string[];
  get(name: string): Handler | undefined;
  /** `overrides`: JSON text of what an enqueue set for this one job, or null. */
  policyOf(name: string, queue: string, overrides: string | null): RunPolicy;
}
