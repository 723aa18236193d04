import type { ArgumentsHost } from '@nestjs/common';
import type { Job } from '../interfaces/job.interface.js';

/** What `getType()` of the context of a job says, beside 'http', 'rpc' and 'ws'. */
export const JOB_CONTEXT = 'job';

/**
 * Whether a guard, interceptor or filter was called for a job, and not for a request.
 *
 * @example
 * canActivate(context: ExecutionContext) {
 *   if (isJobContext(context)) return true; // jobs come from ourselves
 *   return this.tokens.verify(context.switchToHttp().getRequest());
 * }
 */
export function isJobContext(context: ArgumentsHost): boolean {
  return context.getType<string>() === JOB_CONTEXT;
}

/**
 * The job that a guard, interceptor, filter or parameter decorator was called for.
 *
 * @example
 * export const OrderId = createParamDecorator((_, context: ExecutionContext) => jobOf<{ orderId: string }>(context).payload.orderId);
 * @throws TypeError when the context is not that of a job, see `isJobContext`
 */
export function jobOf<Payload = unknown>(context: ArgumentsHost): Job<Payload> {
  if (!isJobContext(context)) {
    throw new TypeError(`jobOf() was given the context of a ${context.getType()} call. Ask isJobContext(context) first.`);
  }
  return context.getArgByIndex<Job<Payload>>(0);
}
