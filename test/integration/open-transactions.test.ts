import { setTimeout as pause } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EntityManager } from 'typeorm';
import type { Job } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { deferred, until } from '../support/wait.js';

describe('jobs that a transaction of a caller has changed and not committed yet', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '10m' });
  beforeEach(() => database.query('TRUNCATE notify_queue.jobs, notify_queue.job_history, notify_queue.job_groups, notify_queue.job_keys'));
  const soon = { timeout: 2_000 };

  async function world() {
    const ran: unknown[] = [];
    const gate = deferred<void>();
    const work = handle({
      step: (job: Job) => void ran.push(job.payload),
      gated: async (job: Job) => (ran.push(job.payload), gate.promise),
    });
    const worker = await start({ providers: [work] });
    const caller = await start();
    /** Opens a transaction, and ends it when told. */
    const open = async (change: (manager: EntityManager) => Promise<unknown>) => {
      const changed = deferred<void>();
      const end = deferred<'commit' | 'rollback'>();
      const ended = caller.dataSource
        .transaction(async (manager) => {
          await change(manager);
          changed.resolve();
          if ((await end.promise) === 'rollback') throw new Error('rolled back');
        })
        .catch((error: Error) => {
          if (error.message !== 'rolled back') throw error;
        });
      await Promise.race([changed.promise, ended]);
      return (how: 'commit' | 'rollback') => (end.resolve(how), ended);
    };
    return { ran, gate, queue: caller.queue, worker, open };
  }

  it('do not keep others from waking workers', async () => {
    const { ran, queue, open } = await world();
    const unique = { key: 'a', onConflict: 'replace' } as const;
    await queue.enqueue('step', 'later', { unique, delay: '50s' });
    const end = await open((manager) => queue.enqueue('step', 'changed', { unique, manager }));
    await pause(300);
    await queue.enqueue('step', 'other');
    await until(() => ran.includes('other'), soon);
    expect(ran).toEqual(['other']);
    await end('commit');
    expect(ran).toEqual(['other']);
  });

  it.each(['commit', 'rollback'] as const)('run after its %s', async (how) => {
    const { ran, queue, open, worker } = await world();
    const unique = { key: 'a', onConflict: 'replace' } as const;
    await worker.queue.suspend();
    await queue.enqueue('step', 'old', { unique });
    const end = await open((manager) => queue.enqueue('step', 'new', { unique, manager }));
    await worker.queue.resume();
    await pause(400);
    expect(ran).toEqual([]);
    await end(how);
    await until(() => ran.length === 1, soon);
    expect(ran).toEqual([how === 'commit' ? 'new' : 'old']);
  });

  it.each(['commit', 'rollback'] as const)('are let go by their group after its %s', async (how) => {
    const { ran, gate, queue, open } = await world();
    const unique = { key: 'a', onConflict: 'replace' } as const;
    await queue.enqueue('gated', 'first', { group: 'g' });
    await until(() => ran.length === 1);
    const { id } = await queue.enqueue('step', 'old', { unique, group: 'g' });
    await until(async () => (await queue.get(id))?.state === 'blocked');
    const end = await open((manager) => queue.enqueue('step', 'new', { unique, manager, group: 'g' }));
    gate.resolve();
    await pause(400);
    expect(ran).toEqual(['first']);
    await end(how);
    await until(() => ran.length === 2, soon);
    expect(ran).toEqual(['first', how === 'commit' ? 'new' : 'old']);
  });

  it.each(['commit', 'rollback'] as const)('do not let those behind them sleep after its %s', async (how) => {
    const { ran, queue, open, worker } = await world();
    const unique = { key: 'a', onConflict: 'postpone' } as const;
    await worker.queue.suspend();
    await queue.enqueue('step', 'first', { unique, group: 'g' });
    const { id } = await queue.enqueue('step', 'second', { group: 'g' });
    const end = await open((manager) => queue.enqueue('step', 'first', { unique, manager, group: 'g', delay: '1h' }));
    await worker.queue.resume();
    await until(async () => (await queue.get(id))?.state === 'blocked');
    await pause(200);
    await end(how);
    await until(() => ran.includes('second'), soon);
    expect(ran.includes('first')).toBe(how === 'rollback');
  });

  it('do not stall the workers of their group', async () => {
    const { ran, gate, queue, open } = await world();
    const unique = { key: 'a', onConflict: 'replace' } as const;
    await queue.enqueue('gated', 'first', { group: 'g' });
    await until(() => ran.length === 1);
    const { id } = await queue.enqueue('step', 'second', { unique, group: 'g' });
    await until(async () => (await queue.get(id))?.state === 'blocked');
    const { id: delayed } = await queue.enqueue('step', 'third', { group: 'g', delay: '1h' });
    const end = await open((manager) => queue.enqueue('step', 'changed', { unique, manager, group: 'g' }));
    const cancelled = queue.cancel(delayed);
    await pause(200);
    gate.resolve();
    await queue.enqueue('step', 'other');
    await until(() => ran.includes('other'), soon);
    await cancelled;
    await until(async () => (await database.query('SELECT FROM notify_queue.jobs WHERE reserved_by IS NOT NULL')).length === 0, soon);
    await end('commit');
    await until(() => ran.includes('changed'), soon);
    expect(ran).toEqual(['first', 'other', 'changed']);
  });
});
