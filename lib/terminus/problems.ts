import { formatDuration } from '../core/duration.js';
import type { JobQueueStats, SchemaVersion } from '../interfaces/job-queue-stats.interface.js';
import type { QueueStatus } from '../interfaces/job-record.interface.js';
import type { HealthLimits } from './health-options.js';

const MIN_SWEEP_AGE_MS = 60_000;

/** A newer schema is no problem: a newer release has come beside this one. */
export function problemsOfSchema({ applied, expected }: SchemaVersion): string[] {
  return applied < expected ? [`the tables are at version ${applied} of ${expected}: migrations are pending`] : [];
}

export function problemsOfProcess(stats: JobQueueStats, limits: HealthLimits): string[] {
  const { notListeningMs, sweepAgeMs, sweepIntervalMs } = stats;
  const { maxNotListeningMs, maxSweepAgeMs = Math.max(MIN_SWEEP_AGE_MS, 3 * sweepIntervalMs) } = limits;
  const problems: string[] = [];
  if (notListeningMs !== null && maxNotListeningMs !== false && notListeningMs > maxNotListeningMs) {
    problems.push(`no notifications have arrived for ${formatDuration(notListeningMs)}, more than ${formatDuration(maxNotListeningMs)}`);
  }
  if (sweepAgeMs !== null && maxSweepAgeMs !== false && sweepAgeMs > maxSweepAgeMs) {
    problems.push(`no sweep has succeeded for ${formatDuration(sweepAgeMs)}, more than ${formatDuration(maxSweepAgeMs)}`);
  }
  return problems;
}

/** What is suspended is meant to wait, so no threshold applies to it. */
export function problemsOfQueue({ queue, suspended, available, oldestDueMs }: QueueStatus, { maxAgeMs, maxWaiting }: HealthLimits): string[] {
  if (suspended) return [];
  const problems: string[] = [];
  const ageMs = oldestDueMs ?? 0;
  if (ageMs > maxAgeMs) {
    problems.push(`a job of queue '${queue}' has been due for ${formatDuration(ageMs)}, more than ${formatDuration(maxAgeMs)}`);
  }
  if (available > maxWaiting) problems.push(`${available} jobs of queue '${queue}' wait, more than ${maxWaiting}`);
  return problems;
}
