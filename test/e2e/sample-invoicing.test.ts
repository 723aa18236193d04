import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { getJobQueueTester, withTestQueue, type JobQueueTester } from 'nestjs-notify-queue/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppModule } from '../../sample/app.module.js';
import { AUTO_INVOICING, MAIL_FAULT_RATE } from '../../sample/configs/shop-configs.js';
import { Database } from '../../sample/database/database.js';
import { MailInvoice, RenderInvoice } from '../../sample/invoicing/invoice.jobs.js';
import { InvoicingService } from '../../sample/invoicing/invoicing.service.js';
import { OrdersService } from '../../sample/orders/orders.service.js';
import { Settings } from '../../sample/settings.js';
import { useTestDatabase } from '../support/database.js';

/** The shop's own tests: its orders are in PostgreSQL, its queue is the test kit's. */
describe('invoicing', () => {
  const database = useTestDatabase();
  let data: string;
  let app: INestApplication;
  let jobs: JobQueueTester;

  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'shop-'));
    const settings = new Settings({ DATABASE_URL: database.url, DATA_DIR: data, MAIL_FAULT_RATE: '0' });
    const builder = Test.createTestingModule({ imports: [AppModule.forRoot(settings, await Database.open(settings))] });
    const module = await withTestQueue(builder, { mode: 'manual' }).compile();
    app = await module.createNestApplication().init();
    jobs = getJobQueueTester(app);
  });
  afterAll(async () => {
    await app.close();
    await rm(data, { recursive: true, force: true });
  });
  beforeEach(() => jobs.clear());

  const LINE = { sku: 'INK-30-MOS', description: 'Ink 30 ml, Moss', quantity: 2, unitPriceCents: 1_190 };
  const DRAFT = {
    customer: { name: 'Zoë Ångström', email: 'zoe@example.org', street: 'Götgatan 12', city: '116 46 Stockholm', country: 'Sweden' },
    lines: [LINE],
  };
  const place = (draft = DRAFT) => app.get(OrdersService).place(draft);

  it('renders an invoice for each order, then mails it', async () => {
    const order = await place();
    await jobs.expectEnqueued(RenderInvoice, { payload: { orderId: order.id }, queue: 'invoices', count: 1 });
    expect((await jobs.queue.find({ tags: `order:${order.id}` })).jobs).toHaveLength(1);
    const [rendered, mailed] = await jobs.drain();
    expect(rendered).toMatchObject({ id: order.renderJobId, state: 'completed', result: { pages: 1 }, progress: { page: 1, of: 1 } });
    expect(mailed).toMatchObject({ name: MailInvoice.name, state: 'completed' });
    const mail = await readFile(join(data, 'outbox', `${order.id}.eml`), 'latin1');
    expect(mail).toContain('To: =?UTF-8?');
    expect(mail).toContain('Content-Type: application/pdf');
  });

  it('places no job for an order that is not stored', async () => {
    const impossible = { ...DRAFT, lines: [{ ...LINE, description: 'a text with a \u0000' }] };
    await expect(place(impossible)).rejects.toThrow('Unicode');
    await jobs.expectNotEnqueued(RenderInvoice);
  });

  it('places no job while automatic invoicing is off, until somebody asks for it', async () => {
    await jobs.configs.set(AUTO_INVOICING, 'false');
    const order = await place();
    await jobs.expectNotEnqueued(RenderInvoice);
    await app.get(InvoicingService).request(order.id);
    await jobs.expectEnqueued(RenderInvoice, { payload: { orderId: order.id } });
    await expect(app.get(InvoicingService).request(order.id)).rejects.toThrow('is under way');
  });

  it('withdraws what is still to come of an invoice', async () => {
    const order = await place();
    const other = await place();
    expect(await app.get(InvoicingService).withdraw(order.id)).toMatchObject({ matched: 1, changed: 1, complete: true });
    await jobs.drain();
    expect(await jobs.queue.get(order.renderJobId!)).toMatchObject({ state: 'cancelled' });
    expect(await jobs.queue.get(other.renderJobId!)).toMatchObject({ state: 'completed' });
    await app.get(InvoicingService).request(order.id);
  });

  it('mails again later what the mail server refused, and gives up after six times', async () => {
    await jobs.configs.set(MAIL_FAULT_RATE, '1');
    await place();
    await jobs.drain();
    expect(await jobs.expectEnqueued(MailInvoice)).toMatchObject({ state: 'scheduled', failure: { name: 'SmtpError' } });
    await jobs.drain({ scheduled: true });
    await jobs.expectEnqueued(MailInvoice, { state: 'abandoned', count: 1 });
    await jobs.configs.set(MAIL_FAULT_RATE, '0');
    await jobs.queue.retry((await jobs.expectEnqueued(MailInvoice)).id);
    expect(await jobs.runNext(MailInvoice)).toMatchObject({ state: 'completed', attempt: 1 });
  });
});
