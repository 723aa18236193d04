import type { Duration } from '../interfaces/duration.interface.js';
import { NotifyQueueError } from './notify-queue.error.js';

/**
 * Thrown by a handler: give the job up now, whatever its failure mode says.
 *
 * @example
 * if (!order) throw new AbandonJobError(`Order ${job.payload.orderId} does not exist`);
 */
export class AbandonJobError extends NotifyQueueError {
  readonly code = 'ABANDON_JOB';
}

/**
 * Thrown by a handler: run the job again after `delay`, without counting this run as an attempt.
 *
 * @example
 * if (response.status === 429) throw new SnoozeJobError('30s');
 */
export class SnoozeJobError extends NotifyQueueError {
  readonly code = 'SNOOZE_JOB';

  constructor(
    /** Milliseconds, or a string like `'15s'`. */
    readonly delay: Duration,
    message = `Snoozed for ${delay}`,
  ) {
    super(message);
  }
}
