// Renders the invoice of an order, then hands it to the mail queue.
//
// A job runs at least once, so each step may be repeated: the PDF is replaced by an equal one, and `invoicedAt` and
// the mail's job are committed with the end of this one, or not at all.
import { Injectable } from '@nestjs/common';
import { type Job, JobHandler, JobQueue } from 'nestjs-notify-queue';
import type { EntityManager } from 'typeorm';
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
    private readonly jobQueue: JobQueue,
    private readonly files: ShopFiles,
  ) {}

  @JobHandler(RenderInvoice, { transactional: true })
  async render(job: Job<InvoicePayload>, manager: EntityManager): Promise<RenderedInvoice> {
    const { orderId } = job.payload;
    const order = await manager.findOneByOrFail(OrderEntity, { id: orderId });
    const { pdf, pages } = await renderInvoice(invoiceOf(order), (page, of) => {
      job.signal.throwIfAborted();
      job.progress({ page, of });
    });
    const path = this.files.invoice(orderId);
    await this.files.write(path, pdf, job.signal);
    const mail = await this.jobQueue.enqueue(MailInvoice, { orderId }, { manager });
    await manager.update(OrderEntity, orderId, { invoicedAt: () => 'now()', mailJobId: mail.id });
    return { pages, bytes: pdf.byteLength, path };
  }
}
