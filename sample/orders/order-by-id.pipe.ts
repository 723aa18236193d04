// Turns the id in a route into its order, 404 when there is none. Goes after ParseUUIDPipe.
import { Injectable, NotFoundException, type PipeTransform } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { OrderEntity } from './order.entity.js';

@Injectable()
export class OrderByIdPipe implements PipeTransform<string, Promise<OrderEntity>> {
  constructor(
    @InjectRepository(OrderEntity) private readonly orders: Repository<OrderEntity>,
  ) {}

  async transform(id: string): Promise<OrderEntity> {
    const order = await this.orders.findOneBy({ id });
    if (!order) {
      throw new NotFoundException(`There is no order ${id}`);
    }
    return order;
  }
}
