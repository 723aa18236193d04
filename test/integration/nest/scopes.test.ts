import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ExecutionContext, Inject, Injectable, type CanActivate, Scope, UseGuards } from '@nestjs/common';
import { type ContextId, ContextIdFactory, type ContextIdStrategy, type HostComponentInfo, ModuleRef, REQUEST } from '@nestjs/core';
import { afterEach, describe, expect, it } from 'vitest';
import { isJobContext, type Job, JobHandler, JobPayload, jobOf } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { until } from '../../support/wait.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** 100,000 and more show no more than these do. */
const JOBS = Number(process.env['SCOPES_JOBS'] ?? 30_000);

describe('scopes of job handlers', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it('a request-scoped handler is made for each job, which is its REQUEST, and shared by all that the job makes', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Ledger {
      readonly entries: string[] = [];
      constructor(@Inject(REQUEST) readonly job: Job) {}
    }
    let made = 0;
    @Injectable()
    class Booking {
      constructor(private readonly ledger: Ledger) {}
      book(): void {
        this.ledger.entries.push(`booked by ${this.ledger.job.name}`);
      }
    }
    @Injectable()
    class Handlers {
      constructor(
        private readonly ledger: Ledger,
        private readonly booking: Booking,
        private readonly modules: ModuleRef,
        @Inject(REQUEST) private readonly job: Job<{ n: number }>,
      ) {
        made++;
      }
      @JobHandler('scoped')
      async run(job: Job<{ n: number }>) {
        this.booking.book();
        const again = await this.modules.resolve(Ledger, ContextIdFactory.getByRequest(job));
        return { same: this.job === job && this.ledger.job === job && again === this.ledger, entries: this.ledger.entries };
      }
    }
    const { queue } = await start({ providers: [Ledger, Booking, Handlers] });
    const jobs = await queue.enqueueMany('scoped', Array.from({ length: 5 }, (_, n) => ({ n })));
    for (const { id } of jobs) expect(await queue.result(id)).toEqual({ same: true, entries: ['booked by scoped'] });
    expect(made).toBe(5);
  });

  it('a request-scoped handler has its guards and parameters too', async () => {
    class Guard implements CanActivate {
      canActivate = (context: ExecutionContext) => isJobContext(context) && jobOf<{ ok: boolean }>(context).payload.ok;
    }
    @Injectable({ scope: Scope.REQUEST })
    class Handlers {
      constructor(@Inject(REQUEST) private readonly job: Job) {}
      @JobHandler('guarded')
      @UseGuards(Guard)
      run(@JobPayload('ok') ok: boolean): string {
        return `${this.job.name} ${ok}`;
      }
    }
    const { queue } = await start({ providers: [Handlers] });
    expect(await queue.result((await queue.enqueue('guarded', { ok: true })).id)).toBe('guarded true');
    await expect(queue.result((await queue.enqueue('guarded', { ok: false })).id)).rejects.toMatchObject({ code: 'JOB_ABANDONED' });
  });

  it('what cannot be made for a job fails its run', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Broken {
      constructor() {
        throw new Error('No such tenant');
      }
      @JobHandler('broken')
      run(): void {}
    }
    const { queue } = await start({ providers: [Broken] });
    const { id } = await queue.enqueue('broken', {});
    await expect(queue.result(id)).rejects.toMatchObject({ failure: { message: 'No such tenant' } });
  });

  describe('durable', () => {
    afterEach(() => ContextIdFactory.apply(undefined as unknown as ContextIdStrategy));

    it('a durable handler is made once for each tenant, as the strategy says', async () => {
      const trees = new Map<string, ContextId>();
      ContextIdFactory.apply({
        attach(contextId: ContextId, job: Job<{ tenant: string }>) {
          const { tenant } = job.payload;
          const tree = trees.get(tenant) ?? ContextIdFactory.create();
          trees.set(tenant, tree);
          return {
            resolve: (info: HostComponentInfo) => (info.isTreeDurable ? tree : contextId),
            payload: { tenant },
          };
        },
      });
      const made: string[] = [];
      @Injectable({ scope: Scope.REQUEST, durable: true })
      class Handlers {
        constructor(@Inject(REQUEST) private readonly context: { tenant: string }) {
          made.push(context.tenant);
        }
        @JobHandler('durable')
        run(): string {
          return this.context.tenant;
        }
      }
      const { queue } = await start({ providers: [Handlers], queue: { defaults: { concurrency: 1 } } });
      for (const tenant of ['blue', 'red', 'blue', 'red', 'blue']) {
        expect(await queue.result((await queue.enqueue('durable', { tenant })).id)).toBe(tenant);
      }
      expect(made.sort()).toEqual(['blue', 'red']);
    });
  });

  describe.each([
    ['request-scoped', false],
    ['durable', true],
  ])('%s', (kind, durable) => {
    afterEach(() => ContextIdFactory.apply(undefined as unknown as ContextIdStrategy));

    it(`memory stays flat over ${JOBS} jobs`, { timeout: 240_000 }, async () => {
      const trees = [0, 1, 2].map(() => ContextIdFactory.create());
      if (durable) {
        ContextIdFactory.apply({
          attach: (contextId: ContextId, job: Job<number>) => ({
            resolve: (info: HostComponentInfo) => (info.isTreeDurable ? trees[job.payload % trees.length]! : contextId),
            payload: {},
          }),
        });
      }
      let made = 0;
      @Injectable({ scope: Scope.REQUEST, durable })
      class Handlers {
        private readonly ballast = Array.from({ length: 1_000 }, () => 0);
        constructor(@Inject(REQUEST) private readonly request: object) {
          made++;
        }
        @JobHandler('many')
        run(): void {
          if (!this.request || this.ballast.length === 0) throw new Error('Not made');
        }
      }
      const { queue } = await start({ providers: [Handlers], queue: { defaults: { concurrency: 50, retention: 'none' } } });
      const heapAfter = async (jobs: number): Promise<number> => {
        for (let left = jobs; left > 0; left -= 5_000) await queue.enqueueMany('many', Array.from({ length: Math.min(left, 5_000) }, (_, n) => n));
        await until(async () => (await queue.status('default')).count === 0, { timeout: 200_000, interval: 50 });
        collectGarbage();
        return process.memoryUsage().heapUsed;
      };
      const heaps = [await heapAfter(10_000), await heapAfter((JOBS - 10_000) / 2), await heapAfter((JOBS - 10_000) / 2)];
      if (process.env['SHOW_HEAP']) console.log(kind, heaps.map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`).join(', '));
      expect(made).toBe(durable ? trees.length : JOBS);
      // Each instance alone has 8 kB, 160 MB of 20,000.
      expect(heaps.at(-1)! - heaps[0]!).toBeLessThan(5_000_000);
    });
  });
});
