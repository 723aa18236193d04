import { Injectable, Logger } from '@nestjs/common';
import { defineJob, JobHandler, JobQueue, JobTimeoutError, type Job } from 'nestjs-notify-queue';

const Render = defineJob<{ month: string }, { bytes: number }>('report.render', { queue: 'reports', maxJobTime: '10m', abortGrace: '5s' });

@Injectable()
export class Reports {
  private readonly logger = new Logger(Reports.name);

  constructor(private readonly jobQueue: JobQueue) {}

  // #region handler
  @JobHandler(Render)
  async render({ payload, signal }: Job<{ month: string }>) {
    let bytes = 0;
    for (const url of await this.partsOf(payload.month)) {
      signal.throwIfAborted(); // what computes asks now and then
      const part = await fetch(url, { signal }); // what waits is handed the signal
      bytes += (await part.arrayBuffer()).byteLength;
    }
    return { bytes };
  }

  async stop(id: string): Promise<void> {
    await this.jobQueue.cancel(id, { abort: true }); // from any process
  }
  // #endregion

  // #region reasons
  @JobHandler('report.upload')
  async upload({ signal }: Job) {
    const uploading = await this.beginUpload();
    try {
      await uploading.finish(signal);
    } catch (error) {
      // Once the signal fired, there is abortGrace left to clean up.
      if (signal.reason instanceof JobTimeoutError) await uploading.forget();
      throw error;
    }
  }
  // #endregion

  // #region many
  async closeAccount(customer: string): Promise<number> {
    const { changed, aborting } = await this.jobQueue.cancelMany({ tags: `customer:${customer}` }, { abort: true });
    return changed + aborting; // cancelled, and told to end
  }

  async postponeNewsletters(stop: AbortSignal): Promise<void> {
    const letters = { queue: 'mail', name: 'newsletter.send' } as const;
    const { matched, complete } = await this.jobQueue.updateMany(letters, { priority: 100 }, { dryRun: true, limit: 1_000_000 });
    if (!complete) throw new Error('More than a million newsletters');
    await this.jobQueue.updateMany(letters, { priority: 100 }, {
      limit: 1_000_000,
      signal: stop,
      onProgress: (soFar) => this.logger.log(`${soFar.matched} of ${matched}`),
    });
  }

  async runFailedAgain(since: Date): Promise<void> {
    await this.jobQueue.retryMany({ queue: 'reports', enqueuedAfter: since }); // abandoned ones; others by `state`
  }
  // #endregion

  private async partsOf(month: string): Promise<string[]> {
    return [`https://shop.example/${month}`];
  }

  private async beginUpload() {
    return { finish: async (_signal: AbortSignal) => undefined, forget: async () => undefined };
  }
}
