import { ShutdownError } from '../errors/job.errors.js';
import type { JobRuns } from './job-runs.js';

/** At shutdown, handlers have this long to react to their signal. */
const ABORTED_MS = 250;

/** Lets running jobs end within the grace, and then aborts them. */
export async function stopRuns(runs: JobRuns, graceMs: number): Promise<void> {
  await runs.idle(graceMs);
  runs.abortAll(() => new ShutdownError('The application is shutting down'));
  await runs.idle(ABORTED_MS);
  runs.giveUp();
}
