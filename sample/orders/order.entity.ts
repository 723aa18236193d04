// One placed order. Customer and lines are what they were when it was placed, so they are kept
// as documents of the order instead of references to rows that may change later.
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Customer, OrderLine } from './order.js';

@Entity('orders')
export class OrderEntity {
  @PrimaryColumn('uuid')
  id!: string;

  /** Printed on the invoice as `HQ-<number>`; imported orders bring their own. */
  @Column('integer', { unique: true, default: () => `nextval('order_numbers')` })
  number!: number;

  @Column('jsonb')
  customer!: Customer;

  @Column('jsonb')
  lines!: OrderLine[];

  @Column('timestamptz', { name: 'placed_at', default: () => 'now()' })
  placedAt!: Date;

  /** The `invoice.render` job enqueued last; none while automatic invoicing was off. */
  @Column('uuid', { name: 'render_job_id', nullable: true })
  renderJobId!: string | null;

  /** When the PDF was there and its mail enqueued: both in one transaction. */
  @Column('timestamptz', { name: 'invoiced_at', nullable: true })
  invoicedAt!: Date | null;

  @Column('uuid', { name: 'mail_job_id', nullable: true })
  mailJobId!: string | null;

  @Column('timestamptz', { name: 'mailed_at', nullable: true })
  mailedAt!: Date | null;
}
