import { Inject, Injectable, Scope } from '@nestjs/common';
import { type ContextId, ContextIdFactory, type ContextIdStrategy, type HostComponentInfo, REQUEST } from '@nestjs/core';
import { type Job, JobHandler } from 'nestjs-notify-queue';

// #region request
@Injectable({ scope: Scope.REQUEST })
export class Ledger {
  constructor(@Inject(REQUEST) private readonly job: Job<{ orderId: string }>) {}
  book(amount: number) {
    return `${amount} for ${this.job.payload.orderId}`;
  }
}

@Injectable()
export class Bookings {
  constructor(private readonly ledger: Ledger) {} // makes this class request-scoped as well

  @JobHandler('booking.make')
  make(job: Job<{ amount: number }>) {
    return this.ledger.book(job.payload.amount);
  }
}
// #endregion

// #region durable
const trees = new Map<string, ContextId>();

export const byTenant: ContextIdStrategy = {
  attach(contextId: ContextId, request: Partial<Job<{ tenant?: string } | null>>) {
    const tenant = request.payload?.tenant; // an HTTP request has no payload
    if (!tenant) return undefined; // its own instances, durable or not
    const tree = trees.get(tenant) ?? ContextIdFactory.create();
    trees.set(tenant, tree);
    return {
      resolve: (info: HostComponentInfo) => (info.isTreeDurable ? tree : contextId),
      payload: { tenant }, // what @Inject(REQUEST) is in durable providers
    };
  },
};

@Injectable({ scope: Scope.REQUEST, durable: true })
export class TenantMailer {
  constructor(@Inject(REQUEST) private readonly context: { tenant: string }) {} // one for each tenant

  @JobHandler('tenant.mail')
  mail() {
    return this.context.tenant;
  }
}
// #endregion
