import { beforeEach, describe, expect, it } from 'vitest';
import { finish, giveBack, settleFailure } from '../../../lib/core/settlement.js';
import type { Exchange, Exchanged, Refused, ReservationStore } from '../../../lib/interfaces/ports/index.js';
import { Settler } from '../../../lib/runtime/settler.js';
import { until } from '../../support/wait.js';

const job = (id: string) => ({ id, reservation: 1 });
const failure = { name: 'Error', message: 'x' };
const retry = (id: string, delayMs: number) =>
  settleFailure(job(id), { kind: 'retry', delayMs, failureState: { stage: 0, retries: 1 } }, failure);
const refusedValue = Object.assign(new Error('unsupported Unicode escape sequence'), { code: '22P05' });

describe('Settler', () => {
  let told: string[];
  let trusted: boolean;
  /** What was sent, as ids with their states or delays. */
  let sent: string[];
  let exchange: (request: Exchange) => Promise<Partial<Exchanged>> | Partial<Exchanged>;
  let requeue: (ids: string[]) => Promise<Refused[]> | Refused[];
  let settler: Settler;
  const request = { queue: 'q', instanceId: 'i', limit: 5, names: [], suspensionKeys: [], keepMs: { completed: null, abandoned: null, cancelled: null }, after: undefined, limits: { groups: '{}', rate: undefined } };

  beforeEach(() => {
    told = [];
    sent = [];
    trusted = true;
    exchange = () => ({});
    requeue = () => [];
    const store: ReservationStore = {
      exchange: async (asked) => {
        sent.push(asked.finishes.map(({ id, state }) => `${id} ${state}`).join(', '));
        return { jobs: [], lost: [], ...(await exchange(asked)) } as Exchanged;
      },
      requeue: async (requeues) => {
        sent.push(requeues.map(({ id, delayMs }) => `${id} +${delayMs}`).join(', '));
        return requeue(requeues.map(({ id }) => id));
      },
      progress: async () => undefined,
    };
    settler = new Settler(store, {
      onSettled: (id) => told.push(`settled ${id}`),
      onLost: (id) => told.push(`lost ${id}`),
      onRequeued: (delayMs) => told.push(`due in ${delayMs}`),
      onFinish: () => told.push('finish'),
      lastProgress: (id) => (id === 'a' ? '"half"' : null),
      instanceId: () => 'i',
      isTrusted: () => trusted,
    });
  });

  it('keeps finishes for the next exchange, with the last progress of the job', async () => {
    let asked: Exchange | undefined;
    exchange = (given) => ((asked = given), {});
    settler.add(finish(job('a'), 'completed', '1'));
    settler.add(finish(job('b'), 'abandoned', null, failure));
    expect([settler.pending, settler.empty, settler.has('a'), settler.has('x'), sent]).toEqual([2, false, true, false, []]);
    await settler.exchange(request, true);
    expect(asked).toMatchObject({ queue: 'q', limit: 5 });
    expect(asked!.finishes).toMatchObject([{ id: 'a', progress: '"half"' }, { id: 'b', progress: null }]);
    expect([settler.pending, settler.empty, told]).toEqual([0, true, ['finish', 'finish', 'settled a', 'settled b']]);
  });

  it('settles large results a few at a time, and one that is larger than that alone', async () => {
    const large = 'x'.repeat(1_500_000);
    settler.add(finish(job('a'), 'completed', 'x'.repeat(9_000_000)));
    for (const id of ['b', 'c', 'd']) settler.add(finish(job(id), 'completed', large));
    settler.add(finish(job('e'), 'abandoned', null, { ...failure, stack: large, cause: { ...failure, stack: large } }));
    while (!settler.empty) await settler.exchange(request, true);
    expect(sent).toEqual(['a completed', 'b completed, c completed', 'd completed', 'e abandoned']);
  });

  it('settles nothing in an exchange that only reserves', async () => {
    settler.add(finish(job('a'), 'completed'));
    await settler.exchange(request, false);
    expect([sent, settler.pending]).toEqual([[''], 1]);
  });

  it('tells which were lost: somebody else holds or has settled them', async () => {
    exchange = () => ({ lost: ['b'] });
    for (const id of ['a', 'b', 'c']) settler.add(finish(job(id), 'completed'));
    await settler.exchange(request, true);
    expect(told.slice(3)).toEqual(['settled a', 'lost b', 'settled c']);
  });

  it('keeps and repeats what could not be sent, and takes "gone" then for written', async () => {
    exchange = () => Promise.reject(new Error('away'));
    settler.add(finish(job('a'), 'completed'));
    await expect(settler.exchange(request, true)).rejects.toThrow('away');
    expect([settler.pending, settler.has('a'), told]).toEqual([1, true, ['finish']]);
    exchange = () => ({ lost: ['a'] });
    await settler.exchange(request, true);
    expect(told).toEqual(['finish', 'settled a']);
  });

  it('gives up what could not be sent once the lease is no longer trusted', async () => {
    trusted = false;
    exchange = () => Promise.reject(new Error('away'));
    settler.add(finish(job('a'), 'completed'));
    await expect(settler.exchange(request, true)).rejects.toThrow('away');
    expect([settler.empty, told]).toEqual([true, ['finish', 'lost a']]);
  });

  it('forgets everything with the lease, also what is under way', async () => {
    settler.add(finish(job('a'), 'completed'));
    exchange = () => {
      settler.forget();
      return {};
    };
    await settler.exchange(request, true);
    expect([settler.empty, settler.pending, told]).toEqual([true, 0, ['finish']]);
  });

  it('sends requeues by themselves, together, and tells when the next is due', async () => {
    settler.add(retry('a', 500));
    settler.add(retry('b', 200));
    settler.add(giveBack(job('c')));
    await until(() => settler.empty);
    expect(sent).toEqual(['a +500, b +200, c +0']);
    expect(told).toEqual(['settled a', 'settled b', 'settled c', 'due in 0']);
  });

  it('finishes as cancelled what was cancelled before it could be put back', async () => {
    requeue = () => [{ id: 'a', cancelled: true }, { id: 'b', cancelled: false }];
    settler.add(retry('a', 500));
    settler.add(retry('b', 500));
    await until(() => settler.pending > 0);
    await settler.exchange(request, true);
    expect(sent).toEqual(['a +500, b +500', 'a cancelled']);
    expect(told).toContain('lost b');
    expect(told.at(-1)).toBe('settled a');
  });

  it('repeats requeues until they are through', async () => {
    let tries = 0;
    requeue = () => (++tries < 3 ? Promise.reject(new Error('away')) : []);
    settler.add(retry('a', 5));
    await until(() => settler.empty);
    expect(sent).toEqual(['a +5', 'a +5', 'a +5']);
  });

  it('sets a finish apart that PostgreSQL refuses, so that the others are settled', async () => {
    exchange = ({ finishes }) => (finishes.some(({ id, result }) => id === 'bad' && result) ? Promise.reject(refusedValue) : {});
    for (const id of ['a', 'bad', 'c']) settler.add(finish(job(id), 'completed', '"x"'));
    while (!settler.empty) await settler.exchange(request, true).catch(() => undefined);
    expect(sent).toContain('bad abandoned');
    expect(told.filter((text) => text.startsWith('settled')).sort()).toEqual(['settled a', 'settled bad', 'settled c']);
  });

  it('sets a requeue apart that PostgreSQL refuses', async () => {
    requeue = (ids) => (ids.includes('bad') ? Promise.reject(refusedValue) : []);
    for (const id of ['a', 'bad', 'c']) settler.add(retry(id, 5));
    await until(() => settler.pending > 0);
    await settler.exchange(request, true);
    await until(() => settler.empty);
    expect(sent.filter((text) => text.includes('abandoned'))).toEqual(['bad abandoned']);
    expect(told.filter((text) => text.startsWith('settled')).sort()).toEqual(['settled a', 'settled bad', 'settled c']);
  });

  it('sends a thousand finishes at most', async () => {
    for (let n = 0; n < 1_500; n++) settler.add(finish(job(`${n}`), 'completed'));
    await settler.exchange(request, true);
    expect(settler.pending).toBe(500);
  });
});
