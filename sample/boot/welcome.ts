// What a newcomer reads after the start: where the shop is and what to try.
import type { Settings } from '../settings.js';

const EXAMPLE = {
  customer: {
    name: 'Zoë Ångström',
    email: 'zoe@example.org',
    street: 'Götgatan 12',
    city: '116 46 Stockholm',
    country: 'Sweden',
  },
  lines: [{ sku: 'INK-30-MOS', description: 'Ink 30 ml, Moss', quantity: 2, unitPriceCents: 1190 }],
};

export function welcome({ port }: Settings, orderId: string): string {
  const shop = `http://localhost:${port}`;
  const order = `${shop}/orders/${orderId}`;
  const json = `-H 'content-type: application/json'`;
  const auto = `${shop}/configs/invoicing.auto`;
  return `
The shop is open at ${shop}

Place an order, look at one, get its invoice, see the queues, stop automatic invoicing:
  curl -s ${shop}/orders ${json} -d '${JSON.stringify(EXAMPLE)}'
  curl -s ${order}
  curl -s ${order}/invoice.pdf -o invoice.pdf
  curl -s ${shop}/queue/status
  curl -s -X PUT ${auto} ${json} -d '{"value":"false"}'

A second instance, in another terminal${sameEnvironment()}, shares the work:
  PORT=${port + 1} npm start

Ctrl-C stops it.
`;
}

/** A value is not repeated here: a URL may hold a password. */
function sameEnvironment(): string {
  const names = ['DATABASE_URL', 'DATA_DIR'].filter((name) => process.env[name]);
  return names.length > 0 ? `, with the same ${names.join(' and ')}` : '';
}
