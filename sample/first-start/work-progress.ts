// Shows on the console how far invoicing is, until nothing is left to do: one line that changes
// on a terminal, a line a second elsewhere.
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { JobQueue } from 'nestjs-notify-queue';
import type { DataSource } from 'typeorm';
import { MailInvoice } from '../invoicing/invoice.jobs.js';
import { ProgressLine } from './progress-line.js';

interface Work {
  unfinished: number;
  wanted: number;
  invoiced: number;
  mailed: number;
}

@Injectable()
export class WorkProgress implements OnModuleDestroy {
  private readonly stop = new AbortController();
  private showing: Promise<void> | undefined;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly jobQueue: JobQueue,
  ) {}

  /** Returns when all is done or the application stops. */
  async show(): Promise<void> {
    this.showing = this.follow(new ProgressLine(), this.stop.signal);
    return this.showing;
  }

  async onModuleDestroy(): Promise<void> {
    this.stop.abort();
    await this.showing;
  }

  private async follow(line: ProgressLine, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    let shown = false;
    while (!signal.aborted) {
      const work = await this.look().catch(() => undefined); // the database may be away for a while
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      if (work?.unfinished === 0) {
        return line.end(shown ? await this.summaryOf(work, seconds) : '');
      }
      if (work) {
        const { wanted, invoiced, mailed } = work;
        const text = `${invoiced} invoices, ${mailed} of ${wanted} mails, ${seconds} s`;
        line.update(mailed / wanted, text);
        shown = true;
      }
      await sleep(line.everyMs, undefined, { signal }).catch(() => undefined);
    }
    line.end('');
  }

  private async look(): Promise<Work> {
    // The queues first: a job that ends in between is then counted in the table below.
    const { queues } = await this.jobQueue.status();
    const unfinished = queues.reduce((sum, queue) => sum + queue.count, 0);
    const [counts] = await this.dataSource.query<Omit<Work, 'unfinished'>[]>(`
      SELECT count(render_job_id)::int AS wanted,
             count(invoiced_at)::int AS invoiced,
             count(mailed_at)::int AS mailed
      FROM orders`);
    return { unfinished, ...counts! };
  }

  private async summaryOf({ wanted, mailed }: Work, seconds: string): Promise<string> {
    const retried = await this.countRetried().catch(() => 0);
    const abandoned = wanted - mailed;
    const rest = abandoned > 0 ? ` Given up after the last attempt: ${abandoned}.` : '';
    return `${mailed} invoices rendered and mailed, ${retried} mails after a retry, in ${seconds} s.${rest}`;
  }

  private async countRetried(): Promise<number> {
    const mails = this.jobQueue.iterate(
      { name: MailInvoice.name, state: 'completed' },
      { limit: 1_000, predicate: (job) => job.attempt > 1 },
    );
    let count = 0;
    for await (const _ of mails) {
      count += 1;
    }
    return count;
  }
}
