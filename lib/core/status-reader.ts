import type { ObservedJobQueue } from '../interfaces/job-queue-stats.interface.js';
import type { Status } from '../interfaces/job-record.interface.js';

const TIMEOUT_MS = 3_000;

/** Asks for the status so often at most, however many ask for it. It never throws: undefined is "not known". */
export class StatusReader {
  private last: Promise<Status | undefined> | undefined;
  private readAt = 0;

  constructor(
    private readonly jobQueue: ObservedJobQueue,
    /** False: never. */
    private readonly intervalMs: number | false,
  ) {}

  async read(): Promise<Status | undefined> {
    if (this.intervalMs === false) return undefined;
    const now = performance.now();
    if (!this.last || now - this.readAt >= this.intervalMs) {
      this.readAt = now;
      this.last = within(TIMEOUT_MS, () => this.jobQueue.status()).catch(() => undefined);
    }
    return this.last;
  }
}

/** Rejects when there is no answer within this time. */
export async function within<T>(timeoutMs: number, ask: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([ask(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
