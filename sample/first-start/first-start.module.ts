import { Module } from '@nestjs/common';
import { OrdersModule } from '../orders/orders.module.js';
import { FirstOrders } from './first-orders.js';
import { WorkProgress } from './work-progress.js';

@Module({
  imports: [OrdersModule],
  providers: [FirstOrders, WorkProgress],
  exports: [FirstOrders, WorkProgress],
})
export class FirstStartModule {}
