// What a newcomer reads after the start: where the shop is and what to try.

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

export function welcome(port: number, databaseUrl: string, orderId: string): string {
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

A second instance shares the work:
  PORT=${port + 1} DATABASE_URL='${databaseUrl}' npm start

Ctrl-C stops it.
`;
}
