import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useTestDatabase } from '../support/database.js';
import { openShop, type Shop } from '../support/sample.js';
import { until } from '../support/wait.js';

const FIRST_ORDERS = 304;
const FIRST_NUMBERS = Array.from({ length: FIRST_ORDERS }, (_, index) => 20_417 + index);
/** Of the largest of them, with 58 lines. */
const LONG_INVOICE = { number: 20_458, pages: 3 };
const ORDER = {
  customer: {
    name: 'Zoë Ångström',
    email: 'zoe@example.org',
    street: 'Götgatan 12',
    city: '116 46 Stockholm',
    country: 'Sweden',
  },
  lines: [{ sku: 'INK-30-MOS', description: 'Ink 30 ml, Moss', quantity: 2, unitPriceCents: 1_190 }],
};

describe('npm start with nothing but npm', () => {
  const ENV = { MAIL_FAULT_RATE: '0.1', TRACES: 'console' };
  const data = useDataDirectory();
  let shop: Shop;

  beforeAll(async () => {
    shop = await openShop({ dataDirectory: data.path, env: ENV });
  }, 90_000);

  it('says what it does and what to try', async () => {
    await until(() => shop.output.includes('First start'));
    expect(shop.output).toContain('Opening the shop with a PostgreSQL of its own');
    expect(shop.output).toContain(`First start: ${FIRST_ORDERS} orders placed`);
    expect(shop.output).toContain('PORT=');
    expect(shop.output).toMatch(/curl -s \S+\/orders\/[0-9a-f-]{36}\/invoice\.pdf/);
  });

  it('drains on SIGTERM in the middle of work, and exits with 0', async () => {
    expect(await isIdle(shop)).toBe(false);
    expect(await shop.kill('SIGTERM')).toBe(0);
    expect(shop.output).not.toMatch(/error/i);
  });

  it('goes on where it stopped at the next start', async () => {
    shop = await openShop({ dataDirectory: data.path, env: ENV });
    expect(shop.output).not.toContain('First start');
    await until(() => isIdle(shop), { timeout: 40_000, message: () => shop.output });
    const mails = [...(await readMails(data.path)).values()];
    expect(mails.map(({ number }) => number).sort()).toEqual(FIRST_NUMBERS);
    expect(await readInvoices(data.path)).toHaveProperty('size', FIRST_NUMBERS.length);
  }, 90_000);

  it('invoices an order and ends on SIGINT with 0', async () => {
    const id = await place(shop);
    const { body } = await until(async () => ifOk(await shop.get(`/orders/${id}/invoice.pdf`)));
    expect(pagesOf(body)).toBe(1);
    const settled = await until(() => /trace (\w{8})  \w{16} > \w{16}  settle mail .*completed/.exec(shop.output));
    expect(shop.output).toMatch(new RegExp(`trace ${settled[1]} .*process invoices .* invoice.render`));
    expect(await shop.kill('SIGINT')).toBe(0);
  });
});

describe('two instances on one database', () => {
  const data = useDataDirectory();
  const database = useTestDatabase();
  let first: Shop;
  let second: Shop;

  beforeAll(async () => {
    // The first orders wait until both instances are there to share them.
    await database.query(`INSERT INTO notify_queue.job_configs (key, value) VALUES ('invoices_suspended', 'true')`);
    const options = { dataDirectory: data.path, databaseUrl: database.url, env: { LEASE: '2s', MAIL_FAULT_RATE: '0' } };
    first = await openShop(options);
    second = await openShop(options);
  }, 120_000);

  it.each([
    ['no order', () => first.post('/orders')],
    ['an empty order', () => first.post('/orders', {})],
    ['a body that is no JSON', () => first.post('/orders', '{')],
    ['a line without a price', () => first.post('/orders', { ...ORDER, lines: [{ ...ORDER.lines[0], unitPriceCents: null }] })],
    ['an id that is none', () => first.get('/orders/17')],
    ['a switch that is neither on nor off', () => first.put('/configs/invoicing.auto', { value: 'maybe' })],
    ['a rate above 1', () => first.put('/configs/mail.fault_rate', { value: '1.5' })],
    ['a suspension that is neither on nor off', () => first.put('/configs/mail_suspended', { value: 'maybe' })],
    ['a config without a value', () => first.put('/configs/anything', {})],
    ['a config without a body', () => first.put('/configs/anything')],
    ['an empty config', () => first.put('/configs/anything', { value: ' ' })],
    ['a config key that is too long', () => first.put(`/configs/${'k'.repeat(300)}`, { value: 'v' })],
  ])('answers 400 to %s', async (_, ask) => {
    const { status, body } = await ask();
    expect(status).toBe(400);
    expect(body.message).not.toHaveLength(0);
  });

  it('answers 404 to an order that does not exist', async () => {
    expect(await first.get('/orders/00000000-0000-4000-8000-000000000000')).toMatchObject({ status: 404 });
  });

  it('shows the queues and both instances in the status', async () => {
    const { status, body } = await first.get('/queue/status');
    expect(status).toBe(200);
    expect(body.queues).toMatchObject([
      { queue: 'invoices', count: FIRST_ORDERS, available: FIRST_ORDERS, inProgress: 0, suspended: true },
      { queue: 'mail', count: 0, suspended: false },
    ]);
    expect(body.instances).toMatchObject([{ alive: true }, { alive: true }]);
  });

  it('shows metrics and health', async () => {
    const { status, body } = await first.get('/metrics');
    expect(status).toBe(200);
    expect(String(body)).toContain(`notify_queue_jobs{job_queue="default",queue="invoices",state="available"} ${FIRST_ORDERS}`);
    expect(await first.get('/health')).toMatchObject({ status: 200, body: { details: { jobs: { status: 'up', listening: true } } } });
  });

  it('switches automatic invoicing on both instances at once', async () => {
    for (const [on, other] of [
      [first, second],
      [second, first],
    ] as const) {
      for (const value of ['false', 'true']) {
        const status = value === 'true' ? 'queued' : 'none';
        expect(await on.put('/configs/invoicing.auto', { value })).toMatchObject({ status: 200, body: { value } });
        expect(await invoiceStatus(on, await place(on))).toBe(status);
        await until(async () => (await invoiceStatus(other, await place(other))) === status, { timeout: 1_000 });
      }
    }
    const rows = (await first.get('/configs')).body;
    expect(rows).toContainEqual(expect.objectContaining({ key: 'invoicing.auto', value: 'true', revision: expect.any(Number) }));
  });

  it('loses nothing and does nothing twice when one of them is killed at work', async () => {
    await first.put('/configs/invoices_suspended', { value: 'false' });
    const done = async () => (await filesIn(join(data.path, 'invoices'), '.pdf')).length;
    await until(async () => {
      const { instances } = (await second.get('/queue/status')).body;
      const areBothAtWork = instances.every(({ running }: any) => running.invoices > 0);
      return instances.length === 2 && areBothAtWork && (await done()) > 20;
    });
    await first.kill('SIGKILL');
    expect(await done()).toBeLessThan(FIRST_ORDERS);

    await until(() => isIdle(second), { timeout: 40_000, message: () => second.output });
    const orders = await database.query<{ id: string; number: number }>(
      'SELECT id, number FROM orders WHERE render_job_id IS NOT NULL',
    );
    expect(orders.length).toBeGreaterThan(FIRST_ORDERS);
    const ids = orders.map(({ id }) => id).sort();
    const invoices = await readInvoices(data.path);
    const mails = await readMails(data.path);
    expect([...invoices.keys()].sort()).toEqual(ids);
    expect([...mails.keys()].sort()).toEqual(ids);
    for (const { id, number } of orders) expect(mails.get(id)).toEqual({ number, pages: invoices.get(id) });
    expect([...mails.values()]).toContainEqual(LONG_INVOICE);
    expect(await jobsByOrder()).toEqual(
      ['invoice.mail', 'invoice.render'].map((name) => ({ name, state: 'completed', orders: ids.length, jobs: ids.length })),
    );
    expect(await database.query('SELECT FROM notify_queue.jobs')).toEqual([]);
    expect(await database.query('SELECT FROM notify_queue.job_history WHERE crashes = 1')).not.toEqual([]);
  }, 60_000);

  it('has the invoice of an order there within a second, and mails it', async () => {
    const placedAt = performance.now();
    const id = await place(second);
    const { body } = await until(async () => ifOk(await second.get(`/orders/${id}/invoice.pdf`)));
    expect(performance.now() - placedAt).toBeLessThan(1_000);
    expect(pagesOf(body)).toBe(1);
    // The order says so a moment before its job is settled.
    const invoice = () => second.get(`/orders/${id}`).then(({ body: order }) => order.invoice);
    await until(async () => (await invoice()).mail?.state === 'completed');
    expect(await invoice()).toMatchObject({
      status: 'mailed',
      render: { state: 'completed', result: { pages: 1, bytes: body.length } },
      mail: { state: 'completed', attempt: 1 },
    });
  });

  it('tries a mail again until the server is mended, by a switch', async () => {
    await second.put('/configs/mail.fault_rate', { value: '1' });
    const id = await place(second);
    const mail = () => second.get(`/orders/${id}`).then(({ body }) => body.invoice.mail);
    await until(async () => (await mail())?.attempt >= 2);
    expect(await mail()).toMatchObject({ failure: expect.stringContaining('SMTP 421') });
    await second.put('/configs/mail.fault_rate', { value: '0' });
    await until(async () => (await mail()).state === 'completed');
    expect(await invoiceStatus(second, id)).toBe('mailed');
    expect(await mail()).toMatchObject({ failure: expect.stringContaining('SMTP 421') });
  });

  it('invoices by hand, once at a time', async () => {
    await second.put('/configs/invoicing.auto', { value: 'false' });
    const id = await place(second);
    await second.put('/configs/invoices_suspended', { value: 'true' });
    expect(await second.post(`/orders/${id}/invoice`)).toMatchObject({ status: 202, body: { invoice: { status: 'queued' } } });
    expect(await second.post(`/orders/${id}/invoice`)).toMatchObject({ status: 409 });
    await second.put('/configs/invoices_suspended', { value: 'false' });
    await until(async () => (await invoiceStatus(second, id)) === 'mailed');
  });

  it('exits with 0 on SIGTERM', async () => {
    expect(await second.kill('SIGTERM')).toBe(0);
    expect(second.output).not.toMatch(/error/i);
  });

  const jobsByOrder = () =>
    database.query(
      `SELECT name, state, count(DISTINCT payload->>'orderId')::int AS orders, count(*)::int AS jobs
       FROM notify_queue.all_jobs GROUP BY 1, 2 ORDER BY 1, 2`,
    );
});

async function place(shop: Shop): Promise<string> {
  const { status, body } = await shop.post('/orders', ORDER);
  expect(status).toBe(201);
  return body.id;
}

async function invoiceStatus(shop: Shop, id: string): Promise<string> {
  return (await shop.get(`/orders/${id}`)).body.invoice.status;
}

async function isIdle(shop: Shop): Promise<boolean> {
  const { queues } = (await shop.get('/queue/status')).body;
  return queues.every(({ count }: { count: number }) => count === 0);
}

const ifOk = <T extends { status: number }>(answer: T): T | undefined => (answer.status === 200 ? answer : undefined);

/** Checks that it is a whole PDF and counts its pages. */
function pagesOf(pdf: Buffer): number {
  const text = pdf.toString('latin1');
  expect(text.slice(0, 5)).toBe('%PDF-');
  expect(text.trimEnd().slice(-5)).toBe('%%EOF');
  return text.match(/\/Type \/Page\b/g)?.length ?? 0;
}

/** Pages by order. What a killed instance was writing is not an invoice. */
async function readInvoices(data: string): Promise<Map<string, number>> {
  const pages = new Map<string, number>();
  for (const name of await filesIn(join(data, 'invoices'), '.pdf')) {
    pages.set(name, pagesOf(await readFile(join(data, 'invoices', `${name}.pdf`))));
  }
  return pages;
}

/** Number of the invoice and pages of the attached PDF, by order. */
async function readMails(data: string): Promise<Map<string, { number: number; pages: number }>> {
  const mails = new Map<string, { number: number; pages: number }>();
  for (const name of await filesIn(join(data, 'outbox'), '.eml')) {
    const mail = await readFile(join(data, 'outbox', `${name}.eml`), 'utf8');
    const number = Number(/^Subject: Your invoice HQ-(\d+)/m.exec(mail)?.[1]);
    const attached = /filename=HQ-\d+\.pdf\r?\n\r?\n([A-Za-z0-9+/=\s]+)/.exec(mail)?.[1] ?? '';
    mails.set(name, { number, pages: pagesOf(Buffer.from(attached, 'base64')) });
  }
  return mails;
}

async function filesIn(directory: string, extension: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.endsWith(extension)).map((name) => name.slice(0, -extension.length));
}

/** A directory that is there from beforeAll on and goes with its tests. */
function useDataDirectory(): { path: string } {
  const data = { path: '' };
  beforeAll(async () => {
    data.path = await mkdtemp(join(tmpdir(), 'notify-queue-shop-'));
  });
  afterAll(() => rm(data.path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  return data;
}
