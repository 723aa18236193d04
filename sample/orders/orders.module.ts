import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ConfigsModule } from '../configs/configs.module.js';
import { OrderEntity } from './order.entity.js';
import { OrderViews } from './order-views.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([OrderEntity]), ConfigsModule],
  controllers: [OrdersController],
  providers: [OrdersService, OrderViews],
  exports: [TypeOrmModule, OrdersService, OrderViews],
})
export class OrdersModule {}
