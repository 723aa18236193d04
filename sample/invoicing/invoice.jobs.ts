// The jobs of invoicing: what may be enqueued and what each one takes and gives. Whoever
// enqueues imports these names, never the handlers.
import { defineJob } from 'nestjs-notify-queue';

export interface InvoicePayload {
  orderId: string;
}

export interface RenderedInvoice {
  pages: number;
  bytes: number;
  /** Relative to the data directory, so that it means the same to every instance. */
  path: string;
}

export interface MailedInvoice {
  messageId: string;
  bytes: number;
}

export const RenderInvoice = defineJob<InvoicePayload, RenderedInvoice>('invoice.render', {
  queue: 'invoices',
});

export const MailInvoice = defineJob<InvoicePayload, MailedInvoice>('invoice.mail', {
  queue: 'mail',
});
