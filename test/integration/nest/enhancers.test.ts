import {
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  createParamDecorator,
  type ExceptionFilter,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  ParseIntPipe,
  type PipeTransform,
  Scope,
  SetMetadata,
  StandardSchemaValidationPipe,
  type Type,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type ArgumentsHost,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { IsString } from 'class-validator';
import { map, tap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { isJobContext, type Job, JobHandler, jobOf, JobPayload, JobRef, JobSignal, Retry } from '../../../lib/index.js';
import { bootError, useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';

class Order {
  @IsString()
  orderId!: string;
}

describe('enhancers of job handlers', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  /** Runs a job of this name in an application with these providers, and gives its record. */
  async function run(name: string, payload: unknown, providers: Array<Type | object>, enhancers = {}) {
    const { queue } = await start({ providers: providers as Type[], queue: { enhancers } });
    const { id } = await queue.enqueue(name, payload);
    const failure = await queue.result(id).then(() => undefined, (error: unknown) => error);
    return { job: (await queue.get(id))!, failure };
  }

  it('guards, interceptors and pipes apply in Nest’s order, with a context of type job', async () => {
    const calls: string[] = [];
    const note = (what: string, context: ExecutionContext): void => {
      expect(isJobContext(context)).toBe(true);
      expect(context.getType()).toBe('job');
      expect(context.getClass()).toBe(Handlers);
      calls.push(`${what} ${context.getHandler().name} ${jobOf<{ n: string }>(context).payload.n}`);
    };
    @Injectable()
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        note('guard', context);
        return true;
      }
    }
    @Injectable()
    class Interceptor implements NestInterceptor {
      intercept(context: ExecutionContext, next: CallHandler) {
        note('before', context);
        return next.handle().pipe(tap(() => note('after', context)), map((result: number) => result * 2));
      }
    }
    @Injectable()
    class Handlers {
      @JobHandler('doubled')
      @UseGuards(Guard)
      @UseInterceptors(Interceptor)
      double(@JobPayload('n', ParseIntPipe) n: number, @JobSignal() signal: AbortSignal, @JobRef() job: Job): number {
        calls.push(`handler ${n} ${signal.aborted} ${job.name}`);
        return n;
      }
    }
    const { job } = await run('doubled', { n: '21' }, [Handlers, Guard]);
    expect(job).toMatchObject({ state: 'completed', result: 42 });
    expect(calls).toEqual(['guard double 21', 'before double 21', 'handler 21 false doubled', 'after double 21']);
  });

  it('a guard that refuses fails the run, and the failure mode decides', async () => {
    let asked = 0;
    class Guard implements CanActivate {
      canActivate = () => ++asked > 2;
    }
    @Injectable()
    class Handlers {
      @JobHandler('guarded', { failureMode: Retry({ times: 3, delay: 0 }) })
      @UseGuards(Guard)
      run(): string {
        return 'let through';
      }
    }
    const { job } = await run('guarded', {}, [Handlers]);
    expect(job).toMatchObject({ state: 'completed', result: 'let through', attempt: 3 });
  });

  describe('a payload that is refused abandons the job, whatever its failure mode', () => {
    let runs = 0;
    @Injectable()
    class Handlers {
      @JobHandler('by class', { failureMode: Retry({ times: 5, delay: 0 }) })
      @UsePipes(new ValidationPipe({ transform: true }))
      byClass(@JobPayload() order: Order): string {
        runs++;
        return `${order.constructor.name} ${order.orderId}`;
      }

      @JobHandler('by schema', { failureMode: Retry({ times: 5, delay: 0 }) })
      @UsePipes(new StandardSchemaValidationPipe())
      bySchema(@JobPayload(z.object({ orderId: z.string().transform((id) => `order ${id}`) })) order: { orderId: string }): string {
        runs++;
        return order.orderId;
      }

      @JobHandler('own error', { failureMode: Retry({ times: 5, delay: 0 }) })
      @UsePipes(new ValidationPipe({ exceptionFactory: (errors) => new RangeError(`${errors.length} wrong`) }))
      ownError(@JobPayload() _order: Order): void {
        runs++;
      }
    }

    it.each([
      ['by class', 'Order 7'],
      ['by schema', 'order 7'],
    ])('%s: a good one is handed on', async (name, result) => {
      const { job } = await run(name, { orderId: '7' }, [Handlers]);
      expect(job).toMatchObject({ state: 'completed', result });
    });

    it.each([
      ['by class', /^The payload was refused: orderId must be a string$/],
      ['by schema', /^The payload was refused: orderId: .*expected string/],
      ['own error', /^The payload was refused: 1 wrong$/],
    ])('%s', async (name, text) => {
      runs = 0;
      const { job, failure } = await run(name, { orderId: 7 }, [Handlers]);
      expect(job).toMatchObject({ state: 'abandoned', attempt: 1, failure: { code: 'ABANDON_JOB', message: expect.stringMatching(text) } });
      expect(failure).toMatchObject({ code: 'JOB_ABANDONED' });
      expect(runs).toBe(0);
    });
  });

  it('a pipe that fails for another reason fails the run like any other error', async () => {
    let asked = 0;
    class LoadOrder implements PipeTransform {
      async transform(id: string): Promise<string> {
        if (++asked < 3) throw new Error('The database is away');
        return `order ${id}`;
      }
    }
    @Injectable()
    class Handlers {
      @JobHandler('loaded', { failureMode: Retry({ times: 3, delay: 0 }) })
      run(@JobPayload('id', LoadOrder) order: string): string {
        return order;
      }
    }
    expect((await run('loaded', { id: 3 }, [Handlers])).job).toMatchObject({ state: 'completed', attempt: 3, result: 'order 3' });
  });

  it('parameter decorators of one’s own are given the job', async () => {
    const Tenant = createParamDecorator((field: string, context: ExecutionContext) => jobOf<Record<string, string>>(context).payload[field]);
    @Injectable()
    class Handlers {
      @JobHandler('tenant')
      run(@Tenant('tenant') tenant: string): string {
        return tenant;
      }
    }
    expect((await run('tenant', { tenant: 'blue' }, [Handlers])).job.result).toBe('blue');
  });

  describe('what is global', () => {
    const seen: string[] = [];
    class Refuse implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        seen.push('guard');
        context.switchToHttp().getRequest().headers.authorization.slice(); // as guards of requests do
        return true;
      }
    }
    class Wrap implements NestInterceptor {
      intercept(_: ExecutionContext, next: CallHandler) {
        seen.push('interceptor');
        return next.handle().pipe(map((data: unknown) => ({ data })));
      }
    }
    @Catch()
    class Swallow implements ExceptionFilter {
      catch(error: Error, host: ArgumentsHost) {
        seen.push(`filter ${error.message} ${isJobContext(host) && jobOf(host).name}`);
        return { statusCode: 500 };
      }
    }
    const globals = [
      { provide: APP_GUARD, useClass: Refuse },
      { provide: APP_INTERCEPTOR, useClass: Wrap },
      { provide: APP_FILTER, useClass: Swallow },
    ];
    @Injectable()
    class Handlers {
      @JobHandler('works')
      works(): number {
        return 1;
      }
      @JobHandler('breaks')
      breaks(): void {
        throw new BadRequestException('broken');
      }
    }

    it.each([
      [{}, 1, []],
      [{ interceptors: true }, { data: 1 }, ['interceptor']],
    ])('applies as enhancers %j says', async (enhancers, result, expected) => {
      seen.length = 0;
      const { job } = await run('works', {}, [Handlers, ...globals], enhancers);
      expect(job).toMatchObject({ state: 'completed', result });
      expect(seen).toEqual(expected);
    });

    it('a guard that wants a request fails every job, when it is let', async () => {
      const { job } = await run('works', {}, [Handlers, ...globals], { guards: true });
      expect(job).toMatchObject({ state: 'abandoned', failure: { name: 'TypeError' } });
    });

    it('a filter that catches everything is told, and turns no failure into a success', async () => {
      seen.length = 0;
      const { job } = await run('breaks', {}, [Handlers, ...globals], { filters: true });
      expect(job).toMatchObject({ state: 'abandoned', failure: { message: 'broken', name: 'BadRequestException' } });
      expect(seen).toEqual(['filter broken breaks']);
    });

    it('a pipe applies to payloads as parameters, whatever enhancers says', async () => {
      @Injectable()
      class Piped {
        @JobHandler('piped')
        run(@JobPayload() order: Order): string {
          return order.orderId;
        }
      }
      const { job } = await run('piped', {}, [Piped, { provide: APP_PIPE, useClass: ValidationPipe }]);
      expect(job).toMatchObject({ state: 'abandoned', failure: { message: 'The payload was refused: orderId must be a string' } });
    });
  });

  it('a filter of its own is told of errors of guards too, and its own error is of no account', async () => {
    const seen: string[] = [];
    @Catch(Error)
    class Watch implements ExceptionFilter {
      catch(error: Error): never {
        seen.push(error.message);
        throw new Error('The filter is broken');
      }
    }
    class Refuse implements CanActivate {
      canActivate = () => false;
    }
    @Injectable()
    class Handlers {
      @JobHandler('watched')
      @UseFilters(Watch)
      @UseGuards(Refuse)
      run(): void {}
    }
    const { job } = await run('watched', {}, [Handlers]);
    expect(job).toMatchObject({ state: 'abandoned', failure: { message: 'Forbidden resource' } });
    expect(seen).toEqual(['Forbidden resource']);
  });

  it('a planned retry of a handler with enhancers is no error in the log', async () => {
    @Injectable()
    class Handlers {
      @JobHandler('planned', { failureMode: Retry({ times: 2, delay: 0 }) })
      run(@JobPayload() payload: number, @JobRef() job: Job) {
        if (job.attempt < 3) throw new Error('PLANNED');
        return payload;
      }
    }
    for (const enhancers of [{}, { filters: true }]) {
      const { queue, logger } = await start({ providers: [Handlers], queue: { enhancers } });
      expect(await queue.result(await queue.enqueue('planned', 7))).toBe(7);
      expect([...logger.of('error'), ...logger.of('warn')]).toEqual([]);
    }
  });

  it('metadata of the method and the class is found by a Reflector', async () => {
    @Injectable()
    class Roles implements CanActivate {
      constructor(private readonly reflector: Reflector) {}
      canActivate(context: ExecutionContext): boolean {
        return this.reflector.getAllAndMerge<string[]>('roles', [context.getHandler(), context.getClass()]).length === 2;
      }
    }
    @Injectable()
    @SetMetadata('roles', ['a'])
    class Handlers {
      @JobHandler('roles')
      @SetMetadata('roles', ['b'])
      @UseGuards(Roles)
      run(): string {
        return 'both';
      }
    }
    expect((await run('roles', {}, [Handlers])).job.result).toBe('both');
  });

  it('a request-scoped guard of a singleton has the job as its request', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Guard implements CanActivate {
      readonly made = Math.random();
      canActivate(context: ExecutionContext): boolean {
        guards.push(this.made);
        return isJobContext(context);
      }
    }
    const guards: number[] = [];
    @Injectable()
    class Handlers {
      @JobHandler('scoped guard')
      @UseGuards(Guard)
      run(): string {
        return 'run';
      }
    }
    const { queue } = await start({ providers: [Handlers] });
    for (let i = 0; i < 2; i++) expect(await queue.result((await queue.enqueue('scoped guard', {})).id)).toBe('run');
    expect(new Set(guards).size).toBe(2);
  });

  it('a parameter without a decorator beside others is refused at boot', async () => {
    @Injectable()
    class Handlers {
      @JobHandler('half')
      run(_job: Job, @JobSignal() _signal: AbortSignal): void {}
    }
    const error = await bootError(database, { providers: [Handlers] });
    expect(error).toMatchObject({ code: 'INVALID_HANDLER', message: expect.stringContaining('Handlers.run has a parameter without a decorator, number 1') });
  });

  it('jobOf says what to do in another context', () => {
    const host = { getType: () => 'http', getArgByIndex: () => ({}) } as unknown as ArgumentsHost;
    expect(() => jobOf(host)).toThrow('jobOf() was given the context of a http call. Ask isJobContext(context) first.');
  });
});
