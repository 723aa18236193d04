// Stands in for a mail server: it composes each mail for real but keeps it as an .eml file, and
// it fails now and then as real servers do, as often as the config row `mail.fault_rate` says.
import { Injectable } from '@nestjs/common';
import { createTransport, type SendMailOptions } from 'nodemailer';
import { ShopConfigs } from '../configs/shop-configs.js';
import type { MailedInvoice } from './invoice.jobs.js';
import { ShopFiles } from './shop-files.js';

export class SmtpError extends Error {
  override readonly name = 'SmtpError';

  constructor(readonly responseCode: number, text: string) {
    super(`SMTP ${responseCode} ${text}`);
  }
}

@Injectable()
export class Outbox {
  private readonly transport = createTransport({ streamTransport: true, buffer: true });

  constructor(
    private readonly configs: ShopConfigs,
    private readonly files: ShopFiles,
  ) {}

  /** @throws SmtpError when the pretended server refuses the mail for now */
  async send(mail: SendMailOptions, file: string, signal: AbortSignal): Promise<MailedInvoice> {
    if (Math.random() < this.configs.mailFaultRate) {
      throw new SmtpError(421, '4.3.2 Service not available, try again later');
    }
    const { message, messageId } = await this.transport.sendMail(mail);
    const content = message as Buffer; // `buffer: true` above: never a stream
    await this.files.write(file, content, signal);
    return { messageId, bytes: content.byteLength };
  }
}
