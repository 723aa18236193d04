import { afterEach, describe, expect, it } from 'vitest';
import type { LeaseStore, Log } from '../../../lib/interfaces/ports/index.js';
import { LeaseKeeper } from '../../../lib/runtime/lease-keeper.js';
import { deferred, until } from '../../support/wait.js';

const LEASE_MS = 300;
const silent = { debug: () => undefined, log: () => undefined, warn: () => undefined, error: () => undefined } as Log;
const instance = { host: 'h', pid: 1, version: '1.0.0', queues: ['q'] };

describe('LeaseKeeper', () => {
  let keeper: LeaseKeeper;
  afterEach(() => keeper.stop(true));

  /** A keeper on a store whose answers the test gives; `calls` says what was asked of it. */
  function keeperOf(answers: Partial<LeaseStore> = {}) {
    const calls: string[] = [];
    const events: string[] = [];
    let identities = 0;
    const store: LeaseStore = {
      register: async (it, leaseMs, formerId) => {
        calls.push(`register ${it.id}${formerId ? ` for ${formerId}` : ''}`);
        await answers.register?.(it, leaseMs, formerId);
      },
      renew: async (id, leaseMs) => {
        calls.push(`renew ${id}`);
        return answers.renew ? answers.renew(id, leaseMs) : true;
      },
      expire: async (id) => void calls.push(`expire ${id}`),
      unregister: async (id) => {
        calls.push(`unregister ${id}`);
        await answers.unregister?.(id);
      },
    };
    const callbacks = { onLost: () => events.push('lost'), onRegained: () => events.push('regained') };
    keeper = new LeaseKeeper(store, instance, () => `id-${++identities}`, LEASE_MS, callbacks, silent);
    return { calls, events };
  }

  it('trusts its lease from the start on, and renews it long before it ends', async () => {
    const { calls, events } = keeperOf();
    expect(keeper.trusted).toBe(false);
    await keeper.start();
    expect([keeper.trusted, keeper.instanceId]).toEqual([true, 'id-1']);
    await until(() => calls.length >= 5);
    expect(keeper.trusted).toBe(true);
    await keeper.stop(true);
    expect(calls[0]).toBe('register id-1');
    expect(calls.at(-1)).toBe('unregister id-1');
    expect(events).toEqual([]);
  });

  it('fails to start where it cannot register', async () => {
    keeperOf({ register: () => Promise.reject(new Error('no table')) });
    await expect(keeper.start()).rejects.toThrow('no table');
    expect(keeper.trusted).toBe(false);
  });

  it('that had run out in the database is lost at once, and goes on under a new identity', async () => {
    const { calls, events } = keeperOf({ renew: async (id) => id !== 'id-1' });
    await keeper.start();
    await until(() => events.length === 2);
    expect(events).toEqual(['lost', 'regained']);
    expect([keeper.instanceId, keeper.trusted]).toEqual(['id-2', true]);
    expect(calls).toContain('register id-2 for id-1');
  });

  it('survives renewals that fail, as long as one succeeds in time', async () => {
    let failures = 2;
    const { calls, events } = keeperOf({ renew: async () => (failures-- > 0 ? Promise.reject(new Error('away')) : true) });
    await keeper.start();
    await until(() => calls.filter((call) => call.startsWith('renew')).length >= 6);
    expect(events).toEqual([]);
    expect(keeper.trusted).toBe(true);
  });

  it('is lost before the database could give its jobs away, when no renewal succeeds', async () => {
    const startedAt = performance.now();
    const { events } = keeperOf({ renew: () => Promise.reject(new Error('away')), register: async (_, __, formerId) => (formerId ? Promise.reject(new Error('away')) : undefined) });
    await keeper.start();
    await until(() => events.length > 0, { interval: 1 });
    expect(performance.now() - startedAt).toBeLessThan(LEASE_MS + 150);
    expect(events).toEqual(['lost']);
    expect(keeper.trusted).toBe(false);
  });

  it('is lost in time also when a renewal never answers, and a late answer changes nothing', async () => {
    const hanging = deferred<boolean>();
    const { events } = keeperOf({ renew: (id) => (id === 'id-1' ? hanging.promise : Promise.resolve(true)) });
    await keeper.start();
    await until(() => events.includes('regained'));
    hanging.resolve(true);
    await hanging.promise;
    expect(events).toEqual(['lost', 'regained']);
    expect([keeper.instanceId, keeper.trusted]).toEqual(['id-2', true]);
  });

  it('is not trusted past its end, even where no timer has fired yet', async () => {
    keeperOf();
    await keeper.start();
    for (const until = performance.now() + LEASE_MS; performance.now() < until; );
    expect(keeper.trusted).toBe(false);
  });

  it('comes back as soon as the database does', async () => {
    let away = true;
    const { calls, events } = keeperOf({
      renew: async () => (away ? Promise.reject(new Error('away')) : true),
      register: async (_, __, formerId) => (formerId && away ? Promise.reject(new Error('away')) : undefined),
    });
    await keeper.start();
    await until(() => calls.filter((call) => call.startsWith('register id-2')).length >= 2);
    away = false;
    await until(() => events.includes('regained'));
    expect(keeper.trusted).toBe(true);
  });

  it('stops in the middle of coming back', async () => {
    const { events } = keeperOf({ renew: async () => false, register: async (_, __, formerId) => (formerId ? Promise.reject(new Error('away')) : undefined) });
    await keeper.start();
    await until(() => events.length > 0);
    await keeper.stop(true);
    expect(events).toEqual(['lost']);
  });
});
