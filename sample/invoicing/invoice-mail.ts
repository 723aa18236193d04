// The text of the mail that carries an invoice. Pure: it sends nothing.
import type { SendMailOptions } from 'nodemailer';
import { formatCents } from '../orders/order.js';
import { formatDate, type Invoice } from './pdf/invoice.js';
import { SHOP } from './shop.js';

export function invoiceMail(invoice: Invoice, pdfPath: string): SendMailOptions {
  const { customer, number } = invoice;
  const total = formatCents(invoice.totals.grossCents);
  return {
    // The same for every attempt, so that a receiver can drop a mail that came twice.
    messageId: `<${number}.${invoice.orderId}@${SHOP.domain}>`,
    date: invoice.placedAt,
    from: { name: SHOP.name, address: SHOP.email },
    to: { name: customer.name, address: customer.email },
    subject: `Your invoice ${number}`,
    text: [
      `Dear ${customer.name},`,
      '',
      `thank you for your order of ${formatDate(invoice.placedAt)}. Your invoice ${number} over`,
      `${total} is attached as a PDF; it is due on ${formatDate(invoice.dueAt)}.`,
      '',
      'With kind regards from the quay,',
      SHOP.name,
      ...SHOP.address,
    ].join('\n'),
    attachments: [{ filename: `${number}.pdf`, path: pdfPath, contentType: 'application/pdf' }],
  };
}
