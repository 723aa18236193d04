// Mails the invoices of orders, up to ten in one call: one query for their orders, one update for those that went out.
// What the mail server refuses is tried again later (see `failureMode` in app.module.ts), whatever became of the others.
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { AbandonJobError, type Job, JobHandler } from 'nestjs-notify-queue';
import { In, type Repository } from 'typeorm';
import { OrderEntity } from '../orders/order.entity.js';
import { type InvoicePayload, type MailedInvoice, MailInvoice } from './invoice.jobs.js';
import { invoiceMail } from './invoice-mail.js';
import { Outbox } from './outbox.js';
import { invoiceOf } from './pdf/invoice.js';
import { ShopFiles } from './shop-files.js';

type MailJob = Job<InvoicePayload>;

@Injectable()
export class MailInvoiceHandler {
  constructor(
    @InjectRepository(OrderEntity) private readonly orders: Repository<OrderEntity>,
    private readonly outbox: Outbox,
    private readonly files: ShopFiles,
  ) {}

  @JobHandler(MailInvoice, { batch: { size: 10, wait: '50ms' } })
  async mail(jobs: readonly MailJob[]): Promise<Array<PromiseSettledResult<MailedInvoice>>> {
    const orders = await this.orders.findBy({ id: In(jobs.map(orderIdOf)) });
    const outcomes = await Promise.allSettled(
      jobs.map((job) => this.send(job, orders.find(({ id }) => id === orderIdOf(job)))),
    );
    const mailed = jobs.filter((_, index) => outcomes[index]?.status === 'fulfilled');
    await this.orders.update({ id: In(mailed.map(orderIdOf)) }, { mailedAt: () => 'now()' });
    return outcomes;
  }

  private async send(job: MailJob, order: OrderEntity | undefined): Promise<MailedInvoice> {
    if (!order) throw new AbandonJobError(`There is no order ${orderIdOf(job)}`);
    const pdf = this.files.resolve(this.files.invoice(order.id));
    return this.outbox.send(invoiceMail(invoiceOf(order), pdf), this.files.mail(order.id), job.signal);
  }
}

function orderIdOf({ payload }: MailJob): string {
  return payload.orderId;
}
