import { DURATION_EXPECTED, parseDuration } from '../core/duration.js';
import type { Duration } from '../interfaces/duration.interface.js';
import { InvalidOptionError } from './configuration.errors.js';
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
 * @throws InvalidOptionError for a delay that is none, so that the run fails with that error
 */
export class SnoozeJobError extends NotifyQueueError {
  readonly code = 'SNOOZE_JOB';

  constructor(
    /** Milliseconds, or a string like `'15s'`. */
    readonly delay: Duration,
    message?: string,
  ) {
    if (parseDuration(delay) === undefined) throw new InvalidOptionError('SnoozeJobError.delay', delay, DURATION_EXPECTED);
    super(message ?? `Snoozed for ${delay}`);
  }
}
