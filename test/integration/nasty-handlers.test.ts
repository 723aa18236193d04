// oxlint-disable unicorn/no-thenable -- handlers may return whatever they like
import { describe, expect, it } from 'vitest';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle, type Handle } from '../support/handlers.js';
import { until } from '../support/wait.js';

const circular: Record<string, unknown> = { name: 'circle' };
circular['self'] = circular;
const circularError = new Error('circular cause');
circularError.cause = circularError;
const deep = (levels: number): unknown => (levels === 0 ? 'end' : { in: deep(levels - 1) });
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const hostile = new Proxy({}, new Proxy({}, { get: () => () => fail('trap') }));
const fail = (text: string): never => {
  throw new Error(text);
};
const withGetter = (key: string): object => Object.defineProperty(new Error('has a getter'), key, { get: () => fail('getter') });
const throws = (make: () => unknown): Handle => () => {
  throw make();
};

/** What a handler may throw, with what the stored failure has to say. */
const THROWN: Record<string, [Handle, RegExp]> = {
  undefined: [throws(() => undefined), /undefined/],
  null: [throws(() => null), /null/],
  'a string': [throws(() => 'plain text'), /plain text/],
  'an empty string': [throws(() => ''), /Thrown value/],
  'a number': [throws(() => Number.NaN), /NaN/],
  'a BigInt': [throws(() => 10n ** 40n), /10000000000/],
  'a symbol': [throws(() => Symbol('odd')), /odd/],
  'a function': [throws(() => () => 1), /Thrown value/],
  'a plain object': [throws(() => ({ reason: 'no paper' })), /no paper/],
  'a circular object': [throws(() => circular), /\[object Object\]/],
  'an object without prototype': [throws(() => Object.create(null)), /\{\}/],
  'an error with a circular cause': [throws(() => circularError), /circular cause/],
  'an error with a NUL byte': [throws(() => new Error('before\u0000after')), /before\uFFFDafter/],
  'an error with a lone surrogate': [throws(() => new Error('half \ud83d of a pair')), /half \uFFFD of a pair/],
  'an error with a 5 MB message': [throws(() => new Error('x'.repeat(5_000_000))), /^x{3999}…$/],
  'an error cut inside a pair': [throws(() => new Error(`${'x'.repeat(3_998)}😀tail`)), /^x{3998}\uFFFD…$/],
  'an error whose message getter throws': [throws(() => withGetter('message')), /./],
  'an error whose stack getter throws': [throws(() => withGetter('stack')), /has a getter/],
  'an error whose name getter throws': [throws(() => withGetter('name')), /has a getter/],
  'an error whose code getter throws': [throws(() => withGetter('code')), /has a getter/],
  'an error whose cause getter throws': [throws(() => withGetter('cause')), /has a getter/],
  'an error with a BigInt code': [throws(() => Object.assign(new Error('coded'), { code: 5n })), /coded/],
  'an error with a NaN code': [throws(() => Object.assign(new Error('coded'), { code: Number.NaN })), /coded/],
  'an error whose toString throws': [throws(() => ({ toString: () => fail('no'), toJSON: () => fail('no') })), /object/],
  'a revoked proxy': [throws(revoked), /unprintable/],
  'a hostile proxy': [throws(() => hostile), /unprintable/],
  'an AggregateError': [throws(() => new AggregateError([new Error('one')], 'all failed')), /all failed/],
  'a rejected promise': [() => Promise.reject(new Error('rejected')), /rejected/],
  'a rejection with undefined': [() => Promise.reject(), /undefined/],
};

/** What a handler may return that cannot be stored. */
const RETURNED: Record<string, [Handle, RegExp]> = {
  'a BigInt': [() => 1n, /BigInt/],
  'a function': [() => () => 1, /function/],
  'a symbol': [() => Symbol('odd'), /symbol/],
  'a circular object': [() => circular, /contains itself/],
  'a NaN inside': [() => ({ price: { net: Number.NaN } }), /result\.price\.net/],
  'a Map': [() => new Map([[1, 2]]), /Map/],
  'a NUL byte': [() => 'a\u0000b', /NUL/],
  'a lone surrogate': [() => ({ text: '\udfff' }), /surrogate/],
  'a 5 MB string': [() => 'x'.repeat(5_000_000), /limit is 1048576/],
  'an invalid Date': [() => new Date(Number.NaN), /invalid Date/],
  'too deep a nesting': [() => deep(5_000), /levels deep/],
  'an object with a throwing getter': [() => ({ get total() { return fail('getter'); } }), /getter/],
  'an object whose toJSON throws': [() => ({ toJSON: () => fail('toJSON failed') }), /toJSON failed/],
  'a revoked proxy': [revoked, /proxy/i],
  'a hostile proxy': [() => hostile, /./],
  'a thenable that throws': [() => ({ then: () => fail('then failed') }), /then failed/],
  'a thenable that throws after rejecting': [() => ({ then: (_: unknown, no: (e: Error) => void) => (no(new Error('first')), fail('second')) }), /first/],
  'a thenable that answers a thenable': [() => ({ then: (yes: (value: unknown) => void) => yes({ then: 1, deep: 2n }) }), /BigInt/],
};

describe('whatever a handler throws or returns', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m', shutdownGrace: '100ms' });
  const cases = { ...prefixed('throws', THROWN), ...prefixed('returns', RETURNED) };

  it.for(Object.entries(cases))('%s: the job leaves `reserved` at once, with a readable failure', async ([name, [run, expected]]) => {
    const app = await start({ providers: [handle({ [name]: run, 'after.wards': () => 'fine' })] });
    const { id } = await app.queue.enqueue(name, {});
    const job = await until(async () => (await app.queue.get(id))?.state === 'abandoned' && app.queue.get(id), { timeout: 2_000 });
    expect(job?.failure?.message).toMatch(expected);
    expect(job?.failure?.name).toMatch(/./);
    expect(JSON.stringify(job?.failure).length).toBeLessThan(200_000);
    const after = await app.queue.enqueue('after.wards', {});
    expect(await app.queue.result(after.id, { timeout: '2s' })).toBe('fine');
  });

  it('a promise that never settles: maxJobTime ends the run and frees the slot', async () => {
    const never = handle({ never: () => new Promise(() => {}) }, { maxJobTime: 100 });
    const app = await start({ providers: [never, handle({ next: () => 'ran' })], queue: { defaults: { concurrency: 1 } } });
    const { id } = await app.queue.enqueue('never', {});
    const next = await app.queue.enqueue('next', {});
    expect(await app.queue.result(next.id, { timeout: '5s' })).toBe('ran');
    await expect(app.queue.result(id, { timeout: '2s' })).rejects.toMatchObject({
      code: 'JOB_ABANDONED',
      failure: { name: 'JobTimeoutError', code: 'JOB_TIMEOUT' },
    });
  });
});

function prefixed<T>(prefix: string, cases: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(cases).map(([name, value]) => [`${prefix} ${name}`, value]));
}
