// Enqueues an invoice by hand: while automatic invoicing is off, or to send one again.
import { ConflictException, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { type BulkResult, JobQueue, type JobState } from 'nestjs-notify-queue';
import type { DataSource } from 'typeorm';
import { OrderEntity } from '../orders/order.entity.js';
import { RenderInvoice } from './invoice.jobs.js';

const UNDER_WAY: readonly JobState[] = ['scheduled', 'available', 'reserved'];

@Injectable()
export class InvoicingService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly jobQueue: JobQueue,
  ) {}

  /** @throws ConflictException while a job of this invoice is still to run */
  async request(orderId: string): Promise<OrderEntity> {
    return this.dataSource.transaction(async (manager) => {
      // The lock makes two simultaneous requests take turns: the second one gets the conflict.
      const order = await manager.findOneOrFail(OrderEntity, {
        where: { id: orderId },
        lock: { mode: 'pessimistic_write' },
      });
      await this.refuseWhileUnderWay(order);
      const job = await this.jobQueue.enqueue(RenderInvoice, { orderId }, { manager });
      const fresh = { renderJobId: job.id, invoicedAt: null, mailJobId: null, mailedAt: null };
      await manager.update(OrderEntity, orderId, fresh);
      return Object.assign(order, fresh);
    });
  }

  /** Whatever is still to come of it: a job that waits never runs, one that runs is told to end. */
  async withdraw(orderId: string): Promise<BulkResult> {
    return this.jobQueue.cancelMany({ payload: { orderId } }, { abort: true });
  }

  private async refuseWhileUnderWay(order: OrderEntity): Promise<void> {
    for (const id of [order.renderJobId, order.mailJobId]) {
      const job = id && (await this.jobQueue.get(id));
      if (job && UNDER_WAY.includes(job.state)) {
        throw new ConflictException(`Invoice of order ${order.id} is under way: job ${id}`);
      }
    }
  }
}
