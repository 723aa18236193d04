// Reads the shipped orders: one CSV row an order line, the rows of an order next to each other.
import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import type { ImportedOrder } from '../orders/orders.service.js';
import { parseOrder } from '../orders/parse-order.js';

type Row = Record<
  | 'number'
  | 'placed_at'
  | 'name'
  | 'email'
  | 'street'
  | 'city'
  | 'country'
  | 'sku'
  | 'description'
  | 'quantity'
  | 'unit_price_cents',
  string
>;

export async function readOrders(path: string): Promise<ImportedOrder[]> {
  const rows: Row[] = parse(await readFile(path), { columns: true, bom: true });
  const rowsByNumber = new Map<string, Row[]>();
  for (const row of rows) {
    rowsByNumber.set(row.number, [...(rowsByNumber.get(row.number) ?? []), row]);
  }
  return [...rowsByNumber.values()].map(toOrder);
}

/** The same checks as for an order that comes over HTTP. */
function toOrder(rows: Row[]): ImportedOrder {
  const [{ number, placed_at, name, email, street, city, country }] = rows as [Row];
  const lines = rows.map(({ sku, description, quantity, unit_price_cents }) => ({
    sku,
    description,
    quantity: Number(quantity),
    unitPriceCents: Number(unit_price_cents),
  }));
  try {
    const draft = parseOrder({ customer: { name, email, street, city, country }, lines });
    return { ...draft, number: Number(number), placedAt: new Date(placed_at) };
  } catch (cause) {
    throw new Error(`Order ${number}: ${(cause as Error).message}`, { cause });
  }
}
