import { Injectable } from '@nestjs/common';
import { defineJob, JobHandler, JobQueue, JobTimeoutError, type Job } from 'nestjs-notify-queue';

const Render = defineJob<{ month: string }, { bytes: number }>('report.render', { queue: 'reports', maxJobTime: '10m', abortGrace: '5s' });

@Injectable()
export class Reports {
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

  private async partsOf(month: string): Promise<string[]> {
    return [`https://shop.example/${month}`];
  }

  private async beginUpload() {
    return { finish: async (_signal: AbortSignal) => undefined, forget: async () => undefined };
  }
}
