// The jobs of invoicing: what may be enqueued and what each one takes and gives. Whoever
// enqueues imports these names, never the handlers.
import { defineJob } from 'nestjs-notify-queue';
import { z } from 'zod';

/** Asked when a job is enqueued, and again before its handler: jobs may come by SQL, or from older code. */
const InvoicePayload = z.object({ orderId: z.uuid() });
export type InvoicePayload = z.infer<typeof InvoicePayload>;

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
  schema: InvoicePayload,
  // One at a time of each order, whoever asks for it.
  unique: { by: ['orderId'] },
});

export const MailInvoice = defineJob<InvoicePayload, MailedInvoice>('invoice.mail', {
  queue: 'mail',
  schema: InvoicePayload,
  // Mails about one order go out in order, retries included.
  group: ({ orderId }) => orderId,
});
