import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  createParamDecorator,
  StandardSchemaValidationPipe,
} from '@nestjs/common';
import { IsUUID } from 'class-validator';
import { defineJob, isJobContext, type Job, JobHandler, jobOf, JobPayload, JobRef, JobSignal, NotifyQueueModule } from 'nestjs-notify-queue';
import { tap } from 'rxjs';
import { z } from 'zod';

export const SendInvoice = defineJob<{ orderId: string }, { pages: number }>('invoice.send', { queue: 'mail' });
declare function render(orderId: string, options: { signal: AbortSignal }): Promise<number>;

export class SendInvoiceDto {
  @IsUUID()
  orderId!: string;
}

// #region handler
@Injectable()
export class Timing implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const { name, log } = jobOf(context);
    const startedAt = performance.now();
    return next.handle().pipe(tap(() => log.debug(`${name} took ${Math.round(performance.now() - startedAt)} ms`)));
  }
}

@Injectable()
export class Invoices {
  @JobHandler(SendInvoice)
  @UsePipes(new ValidationPipe({ transform: true }))
  @UseInterceptors(Timing)
  async send(@JobPayload() { orderId }: SendInvoiceDto, @JobSignal() signal: AbortSignal, @JobRef() job: Job) {
    job.progress({ step: 'rendering' });
    return { pages: await render(orderId, { signal }) };
  }
}
// #endregion

// #region schema
@Injectable()
export class Reports {
  @JobHandler('report.build')
  @UsePipes(StandardSchemaValidationPipe)
  build(@JobPayload(z.object({ month: z.iso.date() })) { month }: { month: string }) {
    return `report of ${month}`;
  }
}
// #endregion

// #region guard
@Injectable()
export class AuthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (isJobContext(context)) return true; // jobs come from ourselves
    return context.switchToHttp().getRequest().headers.authorization !== undefined;
  }
}

export const queue = NotifyQueueModule.forRoot({ enhancers: { guards: true, interceptors: true, filters: true } });
// #endregion

// #region param
export const Tenant = createParamDecorator((_: unknown, context: ExecutionContext) => jobOf<{ tenant: string }>(context).payload.tenant);
// #endregion
