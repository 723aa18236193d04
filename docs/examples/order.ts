import { Injectable } from '@nestjs/common';
import { defineJob, JobQueue } from 'nestjs-notify-queue';

const SendInvoice = defineJob<{ orderId: string }>('invoice.send', { queue: 'mail' });

@Injectable()
export class Invoicing {
  constructor(private readonly jobQueue: JobQueue) {}

  // #region enqueue
  async remind(orderId: string, customer: string): Promise<string> {
    const options = { priority: 10, delay: '3 days', tags: [`customer:${customer}`, 'reminder'] } as const;
    const { id } = await this.jobQueue.enqueue(SendInvoice, { orderId }, options);
    return id;
  }
  // #endregion

  // #region edit
  async hurry(id: string, orderId: string): Promise<boolean> {
    const answer = await this.jobQueue.update(id, { payload: { orderId }, priority: -10, delay: 0 });
    return answer === 'ok'; // 'in_progress': it runs; 'not_found': it has finished
  }
  // #endregion

  // #region hold
  async dispute(customer: string): Promise<void> {
    await this.jobQueue.holdMany({ tags: `customer:${customer}` }); // one alone: hold(id)
  }

  async settle(customer: string): Promise<void> {
    await this.jobQueue.releaseMany({ tags: `customer:${customer}` });
  }
  // #endregion
}
