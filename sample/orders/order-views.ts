// What the API tells about an order: its data, how far the invoice is, and where to go next.
import { Injectable } from '@nestjs/common';
import { JobQueue } from 'nestjs-notify-queue';
import { totalsOf } from './order.js';
import type { OrderEntity } from './order.entity.js';

@Injectable()
export class OrderViews {
  constructor(private readonly jobQueue: JobQueue) {}

  async of(order: OrderEntity) {
    const self = `/orders/${order.id}`;
    return {
      id: order.id,
      number: order.number,
      placedAt: order.placedAt,
      customer: order.customer,
      lines: order.lines,
      totals: totalsOf(order.lines),
      invoice: {
        status: statusOf(order),
        invoicedAt: order.invoicedAt ?? null,
        mailedAt: order.mailedAt ?? null,
        render: await this.job(order.renderJobId),
        mail: await this.job(order.mailJobId),
      },
      links: {
        self,
        invoice: `${self}/invoice`,
        ...(order.invoicedAt && { pdf: `${self}/invoice.pdf` }),
      },
    };
  }

  private async job(id: string | null) {
    const job = id && (await this.jobQueue.get(id));
    if (!job) {
      return null;
    }
    const { state, attempt, progress, result, failure } = job;
    return { id, state, attempt, progress, result, failure: failure?.message ?? null };
  }
}

function statusOf(order: OrderEntity): 'none' | 'queued' | 'rendered' | 'mailed' {
  if (order.mailedAt) {
    return 'mailed';
  }
  if (order.invoicedAt) {
    return 'rendered';
  }
  return order.renderJobId ? 'queued' : 'none';
}
