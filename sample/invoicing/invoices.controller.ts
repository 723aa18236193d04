import { createReadStream } from 'node:fs';
import {
  Controller,
  Delete,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  ParseUUIDPipe,
  Post,
  StreamableFile,
} from '@nestjs/common';
import { OrderByIdPipe } from '../orders/order-by-id.pipe.js';
import type { OrderEntity } from '../orders/order.entity.js';
import { OrderViews } from '../orders/order-views.js';
import { InvoicingService } from './invoicing.service.js';
import { invoiceNumberOf } from './pdf/invoice.js';
import { ShopFiles } from './shop-files.js';

@Controller('orders/:id')
export class InvoicesController {
  constructor(
    private readonly invoicing: InvoicingService,
    private readonly views: OrderViews,
    private readonly files: ShopFiles,
  ) {}

  /** Accepted, not done: the answer says which job to watch. */
  @Post('invoice')
  @HttpCode(202)
  async request(@Param('id', ParseUUIDPipe, OrderByIdPipe) order: OrderEntity) {
    return this.views.of(await this.invoicing.request(order.id));
  }

  /** Answers how many jobs it was. */
  @Delete('invoice')
  async withdraw(@Param('id', ParseUUIDPipe, OrderByIdPipe) order: OrderEntity) {
    return this.invoicing.withdraw(order.id);
  }

  @Get('invoice.pdf')
  download(@Param('id', ParseUUIDPipe, OrderByIdPipe) order: OrderEntity): StreamableFile {
    if (!order.invoicedAt) {
      throw new NotFoundException(`Order ${order.id} has no invoice yet`);
    }
    const pdf = createReadStream(this.files.resolve(this.files.invoice(order.id)));
    return new StreamableFile(pdf, {
      type: 'application/pdf',
      disposition: `attachment; filename="${invoiceNumberOf(order)}.pdf"`,
    });
  }
}
