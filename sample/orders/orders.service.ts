// Places orders. An order and the job that renders its invoice are written in ONE transaction:
// either both exist or neither does, whatever dies in between.
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { JobQueue } from 'nestjs-notify-queue';
import type { DataSource, EntityManager } from 'typeorm';
import { ShopConfigs } from '../configs/shop-configs.js';
import { RenderInvoice } from '../invoicing/invoice.jobs.js';
import type { OrderDraft } from './order.js';
import { OrderEntity } from './order.entity.js';

/** An order that was placed elsewhere and brings its own number and date. */
export type ImportedOrder = OrderDraft & { number: number; placedAt: Date };

@Injectable()
export class OrdersService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly jobQueue: JobQueue,
    private readonly configs: ShopConfigs,
  ) {}

  async place(draft: OrderDraft): Promise<OrderEntity> {
    return this.dataSource.transaction(async (manager) => {
      const order = manager.create(OrderEntity, { ...draft, id: randomUUID() });
      if (this.configs.autoInvoicing) {
        // To find it by: jobQueue.find({ tags: `order:${id}` }).
        const tags = [`order:${order.id}`];
        const job = await this.jobQueue.enqueue(RenderInvoice, { orderId: order.id }, { manager, tags });
        order.renderJobId = job.id;
      }
      await manager.insert(OrderEntity, order);
      return order;
    });
  }

  /** The same for many orders: still one insert for the orders and one for their jobs. */
  async placeMany(drafts: ImportedOrder[], manager: EntityManager): Promise<void> {
    const orders = drafts.map((draft) =>
      manager.create(OrderEntity, { ...draft, id: randomUUID() }),
    );
    if (this.configs.autoInvoicing) {
      const payloads = orders.map((order) => ({ orderId: order.id }));
      const jobs = await this.jobQueue.enqueueMany(RenderInvoice, payloads, { manager });
      orders.forEach((order, index) => (order.renderJobId = jobs[index]!.id));
    }
    await manager.insert(OrderEntity, orders);
  }
}
