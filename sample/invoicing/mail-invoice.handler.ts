// Mails the invoice of an order. When the mail server refuses, it throws: the queue's failure
// mode then tries again later (see `failureMode` in app.module.ts).
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type Job, JobHandler } from 'nestjs-notify-queue';
import type { Repository } from 'typeorm';
import { OrderEntity } from '../orders/order.entity.js';
import { type InvoicePayload, type MailedInvoice, MailInvoice } from './invoice.jobs.js';
import { invoiceMail } from './invoice-mail.js';
import { Outbox } from './outbox.js';
import { invoiceOf } from './pdf/invoice.js';
import { ShopFiles } from './shop-files.js';

@Injectable()
export class MailInvoiceHandler {
  constructor(
    @InjectRepository(OrderEntity) private readonly orders: Repository<OrderEntity>,
    private readonly outbox: Outbox,
    private readonly files: ShopFiles,
  ) {}

  @JobHandler(MailInvoice)
  async mail(job: Job<InvoicePayload>): Promise<MailedInvoice> {
    const { orderId } = job.payload;
    const order = await this.orders.findOneByOrFail({ id: orderId });
    const pdf = this.files.resolve(this.files.invoice(orderId));
    const mail = invoiceMail(invoiceOf(order), pdf);
    const mailed = await this.outbox.send(mail, this.files.mail(orderId), job.signal);
    await this.orders.update(orderId, { mailedAt: () => 'now()' });
    return mailed;
  }
}
