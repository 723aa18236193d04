// Renders the invoice of an order, then hands it to the mail queue.
//
// A job runs at least once, so each step may be repeated: the PDF is replaced by an equal one,
// and `invoicedAt`, set in the transaction that enqueues the mail, lets only one mail out.
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { type Job, JobHandler, JobQueue } from 'nestjs-notify-queue';
import type { DataSource } from 'typeorm';
import { OrderEntity } from '../orders/order.entity.js';
import {
  type InvoicePayload,
  MailInvoice,
  type RenderedInvoice,
  RenderInvoice,
} from './invoice.jobs.js';
import { invoiceOf } from './pdf/invoice.js';
import { renderInvoice } from './pdf/render-invoice.js';
import { ShopFiles } from './shop-files.js';

@Injectable()
export class RenderInvoiceHandler {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly jobQueue: JobQueue,
    private readonly files: ShopFiles,
  ) {}

  @JobHandler(RenderInvoice)
  async render(job: Job<InvoicePayload>): Promise<RenderedInvoice> {
    const { orderId } = job.payload;
    const order = await this.dataSource.manager.findOneByOrFail(OrderEntity, { id: orderId });
    const { pdf, pages } = await renderInvoice(invoiceOf(order), (page, of) => {
      job.signal.throwIfAborted();
      job.progress({ page, of });
    });
    const path = this.files.invoice(orderId);
    await this.files.write(path, pdf, job.signal);
    await this.enqueueMail(orderId);
    return { pages, bytes: pdf.byteLength, path };
  }

  private async enqueueMail(orderId: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const order = await manager.findOneOrFail(OrderEntity, {
        where: { id: orderId },
        lock: { mode: 'pessimistic_write' },
      });
      if (order.invoicedAt) {
        return; // An earlier run of this job came this far.
      }
      const mail = await this.jobQueue.enqueue(MailInvoice, { orderId }, { manager });
      await manager.update(OrderEntity, orderId, {
        invoicedAt: () => 'now()',
        mailJobId: mail.id,
      });
    });
  }
}
