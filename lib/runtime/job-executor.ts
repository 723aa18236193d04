import { encodeJson } from '../core/json.js';
import { openPayload, WaitElsewhereError } from '../core/payload-contract.js';
import { parseDuration } from '../core/duration.js';
import { peek } from '../core/peek.js';
import type { Outcome } from '../core/settlement.js';
import {
  JobCancelledError,
  JobTimeoutError,
  LostReservationError,
  ShutdownError,
  UnreadableValueError,
} from '../errors/job.errors.js';
import { AbandonJobError, type SnoozeJobError } from '../errors/outcome.errors.js';
import type { Handler } from './handler.js';
import type { RunningJob } from './running-job.js';

/**
 * Runs a handler and turns whatever happens into an outcome. It never throws and never touches the
 * store. A run that was aborted has the outcome of its abort reason, whatever the handler makes of it.
 */
export class JobExecutor {
  constructor(private readonly maxResultSize: number) {}

  /** Calls `done` exactly once, maybe before it returns. */
  run(job: RunningJob, handler: Handler, done: (outcome: Outcome) => void): void {
    let answer: unknown;
    try {
      answer = handler.contract || job.isEncoded ? this.open(job, handler) : handler.invoke(job);
    } catch (error) {
      return done(this.thrown(job, error));
    }
    if (!isThenable(answer)) return done(this.returned(job, answer));
    // Of a foreign thenable nothing can be relied on, not even that its `then` does not throw.
    const promise = answer instanceof Promise ? answer : Promise.resolve(answer);
    promise.then(
      (value) => done(this.returned(job, value)),
      (error: unknown) => done(this.thrown(job, error)),
    );
  }

  /** The payload comes first: a job whose payload cannot be read is not run. */
  private async open(job: RunningJob, handler: Handler): Promise<unknown> {
    const payload = readPayload(job);
    if (handler.contract) job.open(await openPayload(handler.contract, payload, job.payloadVersion));
    return handler.invoke(job);
  }

  /** The outcome of a run that goes on although it was told to end. */
  aborted(job: RunningJob): Outcome {
    const reason = job.abortReason;
    if (reason instanceof JobTimeoutError) return { kind: 'failed', error: reason };
    if (reason instanceof JobCancelledError) return { kind: 'cancelled', error: reason };
    if (reason instanceof LostReservationError) return { kind: 'lost' };
    return { kind: 'interrupted' };
  }

  private returned(job: RunningJob, value: unknown): Outcome {
    // Work that ended well within the last moments of a shutdown is done.
    if (job.abortReason && !(job.abortReason instanceof ShutdownError)) return this.aborted(job);
    if (value === undefined || value === null) return { kind: 'returned', result: null, stored: null };
    try {
      const result = encodeJson(value, 'result', this.maxResultSize);
      return { kind: 'returned', result, stored: job.encode(result, 'result') };
    } catch (error) {
      // Running it again would do the work again and end here again.
      return { kind: 'abandoned', error };
    }
  }

  private thrown(job: RunningJob, error: unknown): Outcome {
    if (job.abortReason) return this.aborted(job);
    // By code, so that errors of a second copy of this package count too.
    const code = peek(error, 'code');
    if (code === ('ABANDON_JOB' satisfies AbandonJobError['code'])) return { kind: 'abandoned', error };
    if (code === ('SNOOZE_JOB' satisfies SnoozeJobError['code'])) {
      const delayMs = parseDuration(peek(error, 'delay'));
      const trouble = error instanceof WaitElsewhereError ? { trouble: error.message } : {};
      if (delayMs !== undefined) return { kind: 'snoozed', delayMs, ...trouble };
    }
    return { kind: 'failed', error };
  }
}

/** @throws WaitElsewhereError, AbandonJobError, and whatever else a codec throws, which fails the run */
function readPayload(job: RunningJob): unknown {
  try {
    return job.payload;
  } catch (cause) {
    if (!(cause instanceof UnreadableValueError)) throw cause;
    throw cause.elsewhere ? new WaitElsewhereError(cause.message) : new AbandonJobError(cause.message, { cause });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof peek(value, 'then') === 'function';
}
