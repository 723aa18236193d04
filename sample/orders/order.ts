// The words of the shop: plain data and arithmetic, no framework.

export interface Customer {
  name: string;
  email: string;
  street: string;
  city: string;
  country: string;
}

export interface OrderLine {
  sku: string;
  description: string;
  quantity: number;
  unitPriceCents: number;
}

/** What a customer sends us. */
export interface OrderDraft {
  customer: Customer;
  lines: OrderLine[];
}

export interface Totals {
  netCents: number;
  vatCents: number;
  grossCents: number;
}

export const VAT_PERCENT = 23;

const euro = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' });

export const formatCents = (cents: number): string => euro.format(cents / 100);

export const amountOf = (line: OrderLine): number => line.quantity * line.unitPriceCents;

export function totalsOf(lines: readonly OrderLine[]): Totals {
  const netCents = lines.reduce((sum, line) => sum + amountOf(line), 0);
  const vatCents = Math.round((netCents * VAT_PERCENT) / 100);
  return { netCents, vatCents, grossCents: netCents + vatCents };
}
