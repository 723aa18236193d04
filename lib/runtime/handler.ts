import type { PayloadContract } from '../core/payload-contract.js';
import type { Job } from '../interfaces/job.interface.js';
import type { FailureModeSpec } from '../interfaces/failure-mode.interface.js';
import type { BatchSize } from './forming-batch.js';
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

/** What calls a handler with many jobs. */
export interface BatchHandler extends BatchSize {
  readonly invoke: (jobs: readonly Job[]) => unknown;
}

/** A handler as the runtime calls it. */
export interface Handler {
  readonly name: string;
  /** `then`: the manager of its transaction, or what a job of a batch goes on with after all that is around it. */
  readonly invoke: (job: Job, then?: unknown) => unknown;
  /** How it takes many jobs at once; `invoke` is what is around each of them. */
  readonly batch?: BatchHandler;
  /** Its job ends in the transaction that it works in. */
  readonly transactional?: boolean;
  /** What its definition says of payloads. */
  readonly contract?: PayloadContract;
}

/** What the runtime asks of the application: the handlers, and how a job of a queue runs. */
export interface Handlers {
  /** Names of all jobs that this process can run. */
  readonly names: readonly string[];
  get(name: string): Handler | undefined;
  /** How jobs of this name are called together; not there when no handler takes batches. */
  readonly batchOf?: (name: string) => BatchSize | undefined;
  /** `overrides`: JSON text of what an enqueue set for this one job, or null. */
  policyOf(name: string, queue: string, overrides: string | null): RunPolicy;
}
