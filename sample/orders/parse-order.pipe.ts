// Lets a controller take an OrderDraft and the client learn all its mistakes at once.
import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';
import type { OrderDraft } from './order.js';
import { InvalidOrderError, parseOrder } from './parse-order.js';

@Injectable()
export class ParseOrderPipe implements PipeTransform<unknown, OrderDraft> {
  transform(body: unknown): OrderDraft {
    try {
      return parseOrder(body);
    } catch (error) {
      throw error instanceof InvalidOrderError ? new BadRequestException(error.problems) : error;
    }
  }
}
