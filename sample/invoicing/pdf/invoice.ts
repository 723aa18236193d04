// What an invoice says, taken from its order. Everything on it is a function of the order, the
// dates too: rendering twice gives the same bytes.
import type { OrderEntity } from '../../orders/order.entity.js';
import { type Customer, type OrderLine, type Totals, totalsOf } from '../../orders/order.js';
import { SHOP } from '../shop.js';

export interface Invoice {
  orderId: string;
  number: string;
  placedAt: Date;
  dueAt: Date;
  customer: Customer;
  lines: OrderLine[];
  totals: Totals;
}

const DAY_MS = 86_400_000;

export const invoiceNumberOf = (order: OrderEntity): string => `HQ-${order.number}`;

export function invoiceOf(order: OrderEntity): Invoice {
  return {
    orderId: order.id,
    number: invoiceNumberOf(order),
    placedAt: order.placedAt,
    dueAt: new Date(order.placedAt.getTime() + SHOP.paymentDays * DAY_MS),
    customer: order.customer,
    lines: order.lines,
    totals: totalsOf(order.lines),
  };
}

const dates = new Intl.DateTimeFormat('en-IE', { dateStyle: 'long', timeZone: 'Europe/Dublin' });

export const formatDate = (date: Date): string => dates.format(date);
