// Places the shipped orders, so that a newcomer sees the queue at work. Each chunk is one
// transaction under a lock that looks first: a second instance, or a start after a crash, places
// exactly what is missing.
import { join } from 'node:path';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { type DataSource, In } from 'typeorm';
import { OrderEntity } from '../orders/order.entity.js';
import { type ImportedOrder, OrdersService } from '../orders/orders.service.js';
import { projectRoot } from '../settings.js';
import { readOrders } from './csv-orders.js';

const CSV = join(projectRoot, 'sample', 'data', 'orders.csv');
const CHUNK = 100;
/** Any number that nothing else in this database locks. */
const LOCK = 1_795_500_000;

@Injectable()
export class FirstOrders implements OnModuleDestroy {
  private stopping = false;
  private placing: Promise<number> | undefined;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly orders: OrdersService,
  ) {}

  /** Returns how many orders this call has placed. */
  async place(): Promise<number> {
    this.placing = this.placeAll();
    return this.placing;
  }

  /** The id of one of them, to try things with. */
  async example(): Promise<string> {
    const [order] = await this.dataSource.manager.find(OrderEntity, {
      select: { id: true },
      order: { number: 'ASC' },
      take: 1,
    });
    return order?.id ?? '<id>';
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    await this.placing?.catch(() => undefined); // whoever called place() hears of it
  }

  private async placeAll(): Promise<number> {
    const orders = await readOrders(CSV);
    let placed = 0;
    for (let start = 0; start < orders.length && !this.stopping; start += CHUNK) {
      placed += await this.placeMissing(orders.slice(start, start + CHUNK));
    }
    return placed;
  }

  private async placeMissing(orders: ImportedOrder[]): Promise<number> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
      const known = await manager.find(OrderEntity, {
        select: { number: true },
        where: { number: In(orders.map((order) => order.number)) },
      });
      const numbers = new Set(known.map((order) => order.number));
      const missing = orders.filter((order) => !numbers.has(order.number));
      if (missing.length > 0) {
        await this.orders.placeMany(missing, manager);
      }
      return missing.length;
    });
  }
}
