// Turns an unknown value into an order, or into the list of everything that is wrong with it.
import { Fields } from './fields.js';
import type { Customer, OrderDraft, OrderLine } from './order.js';

export class InvalidOrderError extends Error {
  override readonly name = 'InvalidOrderError';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('; '));
  }
}

/** @throws InvalidOrderError with one problem a field */
export function parseOrder(input: unknown): OrderDraft {
  const problems: string[] = [];
  const order = new Fields(input, '', problems);
  const customer = parseCustomer(new Fields(order.get('customer'), 'customer.', problems));
  const lines = parseLines(order.get('lines'), problems);
  if (problems.length > 0) {
    throw new InvalidOrderError(problems);
  }
  return { customer, lines };
}

function parseCustomer(fields: Fields): Customer {
  return {
    name: fields.text('name', 60),
    email: fields.email('email'),
    street: fields.text('street', 60),
    city: fields.text('city', 60),
    country: fields.text('country', 60),
  };
}

function parseLines(input: unknown, problems: string[]): OrderLine[] {
  if (!Array.isArray(input) || input.length < 1 || input.length > 1_000) {
    problems.push('lines must be a list of 1 to 1000 order lines');
    return [];
  }
  return input.map((line, index) => {
    const fields = new Fields(line, `lines[${index}].`, problems);
    return {
      sku: fields.text('sku', 20),
      description: fields.text('description', 300),
      quantity: fields.integer('quantity', 1, 1_000),
      unitPriceCents: fields.integer('unitPriceCents', 0, 1_000_000),
    };
  });
}
