import { NotifyQueueError } from './notify-queue.error.js';

/**
 * PostgreSQL cannot be reached, the connection was lost, or it cannot work for the moment: its disk is full, its
 * connections are taken, it is a read-only standby. `cause` is what the driver said.
 */
export class DatabaseUnavailableError extends NotifyQueueError {
  readonly code = 'DATABASE_UNAVAILABLE';
  /** Whether the statement was sent, so that it may have taken effect although no answer came. */
  readonly mayHaveRun: boolean;

  constructor(message: string, options: ErrorOptions & { mayHaveRun: boolean }) {
    super(message, options);
    this.mayHaveRun = options.mayHaveRun;
  }
}

/** The call needs a running queue, but the application is shutting down or has not started. */
export class QueueClosedError extends NotifyQueueError {
  readonly code = 'QUEUE_CLOSED';
}
