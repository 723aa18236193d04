import { Body, Controller, Get, Param, ParseUUIDPipe, Post } from '@nestjs/common';
import type { OrderDraft } from './order.js';
import { OrderByIdPipe } from './order-by-id.pipe.js';
import type { OrderEntity } from './order.entity.js';
import { OrderViews } from './order-views.js';
import { OrdersService } from './orders.service.js';
import { ParseOrderPipe } from './parse-order.pipe.js';

@Controller('orders')
export class OrdersController {
  constructor(
    private readonly orders: OrdersService,
    private readonly views: OrderViews,
  ) {}

  @Post()
  async place(@Body(ParseOrderPipe) draft: OrderDraft) {
    return this.views.of(await this.orders.place(draft));
  }

  @Get(':id')
  async show(@Param('id', ParseUUIDPipe, OrderByIdPipe) order: OrderEntity) {
    return this.views.of(order);
  }
}
