import { firstValueFrom, Observable, timeout as withTimeout, filter, TimeoutError } from 'rxjs';
import { formatDuration } from './core/duration.js';
import { FINAL_STATES } from './core/states.js';
import { QueueClosedError } from './errors/database.errors.js';
import { JobAbandonedError, JobCancelledError, JobNotFoundError, ResultTimeoutError } from './errors/job.errors.js';
import type { JobRecord } from './interfaces/job-record.interface.js';
import type { JobStore } from './interfaces/ports/index.js';
import type { SignalHub } from './runtime/signal-hub.js';

/** Signals are hints, so a watched job is also looked at this often. */
const LISTENING_INTERVAL_MS = 2_000;
const POLLING_INTERVAL_MS = 250;

/** Follows single jobs: marks each in the database, so that only watched jobs send signals. */
export class JobWatcher {
  constructor(
    private readonly store: JobStore,
    private readonly signals: SignalHub,
    private readonly isListening: () => boolean,
  ) {}

  watch(id: string): Observable<JobRecord> {
    return new Observable<JobRecord>((subscriber) => {
      let timer: NodeJS.Timeout | undefined;
      let last = '';
      let looking = false;
      let lookAgain = false;
      const look = async (): Promise<void> => {
        clearTimeout(timer);
        if (looking) return void (lookAgain = true);
        looking = true;
        do {
          lookAgain = false;
          const job = await this.store.get(id);
          if (subscriber.closed) return;
          if (!job) return subscriber.error(new JobNotFoundError(`Job ${id} does not exist, or its history is not kept.`));
          const shown = JSON.stringify(job);
          if (shown !== last) subscriber.next(job);
          last = shown;
          if (isFinal(job)) return subscriber.complete();
        } while (lookAgain);
        looking = false;
        timer = setTimeout(() => void run(), this.isListening() ? LISTENING_INTERVAL_MS : POLLING_INTERVAL_MS);
      };
      // An unreachable database is waited for; what becomes of the job is known afterwards.
      const run = (): Promise<void> =>
        look().catch((error: unknown) => {
          looking = false;
          if (error instanceof QueueClosedError) return subscriber.error(error);
          if (!subscriber.closed) timer = setTimeout(() => void run(), POLLING_INTERVAL_MS);
        });
      const unsubscribe = this.signals.subscribe(id.toLowerCase(), () => void run());
      this.store.watch(id).then(
        () => run(),
        () => run(),
      );
      return () => {
        clearTimeout(timer);
        unsubscribe();
      };
    });
  }

  async result(id: string, timeoutMs: number): Promise<unknown> {
    const job = await firstValueFrom(this.watch(id).pipe(filter(isFinal), withTimeout({ first: Math.min(timeoutMs, 2 ** 31 - 1) }))).catch(
      (error: unknown) => {
        if (!(error instanceof TimeoutError)) throw error;
        throw new ResultTimeoutError(
          `Job ${id} had not finished after ${timeoutMs % 1_000 === 0 ? formatDuration(timeoutMs) : `${timeoutMs}ms`}. It goes on; ask again, or give a longer timeout.`,
        );
      },
    );
    if (job.state === 'abandoned') throw new JobAbandonedError(id, job.failure);
    if (job.state === 'cancelled') throw new JobCancelledError(`Job ${id} was cancelled`);
    return job.result ?? undefined;
  }
}

function isFinal(job: JobRecord): boolean {
  return (FINAL_STATES as readonly string[]).includes(job.state);
}
