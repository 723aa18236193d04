import { NotifyQueueError } from './notify-queue.error.js';

/** No job with this id waits, runs or is kept in the history. */
export class JobNotFoundError extends NotifyQueueError {
  readonly code = 'JOB_NOT_FOUND';
}

/** The call does not fit the state that the job is in. */
export class JobStateError extends NotifyQueueError {
  readonly code = 'JOB_STATE';
}

/** The job whose result was awaited was abandoned; `failure` is what its last run left. */
export class JobAbandonedError extends NotifyQueueError {
  readonly code = 'JOB_ABANDONED';

  constructor(
    readonly jobId: string,
    readonly failure: { name: string; message: string; stack?: string } | null,
  ) {
    super(`Job ${jobId} was abandoned: ${failure ? `${failure.name}: ${failure.message}` : 'no error was recorded'}`);
  }
}

/** A codec cannot read a payload, a result or progress. */
export class UnreadableValueError extends NotifyQueueError {
  readonly code = 'UNREADABLE_VALUE';

  constructor(
    subject: { readonly kind: string; readonly id: string },
    reason: string,
    /** Another process may be able to: the job waits for it. */
    readonly elsewhere: boolean,
  ) {
    super(`The ${subject.kind} of job ${subject.id} cannot be read: ${reason}`);
  }
}

/** The job was cancelled: the awaiting caller's rejection, and a running handler's abort reason. */
export class JobCancelledError extends NotifyQueueError {
  readonly code = 'JOB_CANCELLED';
}

/** The job had not finished when the time given to `JobQueue.result` was over. */
export class ResultTimeoutError extends NotifyQueueError {
  readonly code = 'RESULT_TIMEOUT';
}

/** Abort reason: the run took longer than `maxJobTime`. */
export class JobTimeoutError extends NotifyQueueError {
  readonly code = 'JOB_TIMEOUT';
}

/** Abort reason: this process no longer holds the job; another one may be running it. */
export class LostReservationError extends NotifyQueueError {
  readonly code = 'LOST_RESERVATION';
}

/** Abort reason: the application is shutting down and its grace is over. */
export class ShutdownError extends NotifyQueueError {
  readonly code = 'SHUTDOWN';
}

/** A handler with `transactional: true` has ended its transaction itself, or left one open inside of it. */
export class TransactionEndedError extends NotifyQueueError {
  readonly code = 'TRANSACTION_ENDED';
}

/** A batch handler did not say what became of a job; what it did for the job is unknown, and the run has failed. */
export class JobForgottenError extends NotifyQueueError {
  readonly code = 'JOB_FORGOTTEN';
}
