// What `init` writes, which a test compares.
// #region job
import { Injectable, Logger } from '@nestjs/common';
import { defineJob, type Job, JobHandler } from 'nestjs-notify-queue';

/** Enqueue it anywhere: `await jobQueue.enqueue(Greet, { name: 'Ada' })`, with an injected JobQueue. */
export const Greet = defineJob<{ name: string }, { greeting: string }>('greet');

@Injectable()
export class GreetingJobs {
  private readonly logger = new Logger(GreetingJobs.name);

  @JobHandler(Greet)
  greet(job: Job<{ name: string }>): { greeting: string } {
    const greeting = `Hello, ${job.payload.name}!`;
    this.logger.log(greeting);
    return { greeting };
  }
}
// #endregion
