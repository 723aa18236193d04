import { Injectable, Optional } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { peek } from '../core/peek.js';
import { within } from '../core/status-reader.js';
import type { JobQueue } from '../job-queue.js';
import { InjectJobQueue } from '../job-queue.tokens.js';
import { type JobQueueHealthOptions, readHealthOptions } from './health-options.js';
import { problemsOfProcess, problemsOfQueue, problemsOfSchema } from './problems.js';

/**
 * Tells `@nestjs/terminus` whether the database answers with all its tables, whether this process listens and sweeps, and
 * whether jobs run as fast as they should. It never throws.
 *
 * @example
 * health.check([() => jobs.isHealthy('jobs', { maxOldestDueAge: '1m' })])
 */
@Injectable()
export class JobQueueHealthIndicator {
  constructor(
    private readonly health: HealthIndicatorService,
    // Every forRoot may have a name.
    @Optional() @InjectJobQueue() private readonly jobQueue: JobQueue | undefined,
  ) {}

  /** Up or down, with what was found. Without options no number of jobs, and no age of them, makes it down. */
  async isHealthy<const Key extends string>(key: Key, options: JobQueueHealthOptions = {}): Promise<HealthIndicatorResult<Key>> {
    const check = this.health.check(key);
    try {
      const limits = readHealthOptions(options);
      const jobQueue = limits.jobQueue ?? this.jobQueue;
      if (!jobQueue) return check.down({ message: 'There is no default JobQueue: name one with isHealthy(key, { jobQueue })' });
      const { queue } = limits;
      // One after the other: a check must not take more than one of the queue's few connections.
      const { schema, queues } = await within(limits.timeoutMs, async () => ({
        schema: await jobQueue.schemaVersion(),
        queues: queue === undefined ? (await jobQueue.status()).queues : [await jobQueue.status(queue)],
      }));
      const stats = jobQueue.stats();
      const details = {
        listening: stats.listening,
        sweepAgeMs: stats.sweepAgeMs === null ? null : Math.round(stats.sweepAgeMs),
        waiting: queues.reduce((sum, { available }) => sum + available, 0),
        running: queues.reduce((sum, { inProgress }) => sum + inProgress, 0),
        oldestDueMs: Math.round(Math.max(0, ...queues.map(({ oldestDueMs }) => oldestDueMs ?? 0))),
        suspended: queues.filter(({ suspended }) => suspended).map((one) => one.queue),
      };
      const problems = [...problemsOfSchema(schema), ...problemsOfProcess(stats, limits), ...queues.flatMap((one) => problemsOfQueue(one, limits))];
      return problems.length > 0 ? check.down({ ...details, message: problems.join('; ') }) : check.up(details);
    } catch (error) {
      return check.down({ message: textOf(error) });
    }
  }
}

/** Health is often public: hosts and users in the driver's texts stay inside. */
function textOf(error: unknown): string {
  const code = String(peek(error, 'code') ?? '');
  if (code.startsWith('INVALID_')) return String(peek(error, 'message'));
  return `The queue's status cannot be read${code && ` (${code})`}`;
}
