import { Module } from '@nestjs/common';
import { ConfigsModule } from '../configs/configs.module.js';
import { OrdersModule } from '../orders/orders.module.js';
import { InvoicesController } from './invoices.controller.js';
import { InvoicingService } from './invoicing.service.js';
import { MailInvoiceHandler } from './mail-invoice.handler.js';
import { Outbox } from './outbox.js';
import { RenderInvoiceHandler } from './render-invoice.handler.js';
import { ShopFiles } from './shop-files.js';

@Module({
  imports: [OrdersModule, ConfigsModule],
  controllers: [InvoicesController],
  // Handlers are ordinary providers: the queue finds their @JobHandler methods by itself.
  providers: [RenderInvoiceHandler, MailInvoiceHandler, InvoicingService, Outbox, ShopFiles],
})
export class InvoicingModule {}
