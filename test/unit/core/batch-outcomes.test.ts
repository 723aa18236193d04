import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { readOutcomes } from '../../../lib/core/batch-outcomes.js';

const jobs = [{ id: 'a' }, { id: 'b' }];
const done = (value?: unknown): object => ({ status: 'fulfilled', value });
const failed = (message: unknown): object => ({ status: 'rejected', reason: expect.objectContaining({ message }) });

describe('readOutcomes', () => {
  it.each([
    ['nothing', undefined, [done(), done()]],
    ['null', null, [done(), done()]],
    ['results', [1, null], [done(1), done(null)]],
    ['an array with holes', Array(2), [done(), done()]],
    ['results that are arrays', [[1], []], [done([1]), done([])]],
    ['errors, of another realm too', [new Error('x'), runInNewContext('new TypeError("y")')], [failed('x'), failed('y')]],
    ['promises of errors', [Promise.resolve(new Error('x')), 2], [failed('x'), done(2)]],
    ['settled promises', [{ status: 'fulfilled', value: 1 }, { status: 'rejected', reason: new Error('x') }], [done(1), failed('x')]],
    ['what only looks like them', [{ status: 'fulfilled' }, { status: 'rejected', why: 1 }], [done({ status: 'fulfilled' }), done({ status: 'rejected', why: 1 })]],
    ['a map by job and by id', new Map<unknown, unknown>([[jobs[1], 2], ['a', 1]]), [done(1), done(2)]],
    ['a map with undefined, and with strangers', new Map<unknown, unknown>([['a', undefined], ['c', 1], ['b', new Error('x')]]), [done(undefined), failed('x')]],
    ['a map that forgets', new Map([['a', 1]]), [done(1), failed(expect.stringContaining('without job b'))]],
  ])('of %s', async (_, answer, expected) => expect(await readOutcomes(answer, jobs)).toEqual(expected));

  it('of promises', async () => {
    const answer = [Promise.resolve(1), Promise.reject(new Error('x'))];
    expect(await readOutcomes(answer, jobs)).toEqual([done(1), failed('x')]);
  });

  it.each([
    [[1], 'returned 1 outcomes for 2 jobs'],
    [[1, 2, 3], 'returned 3 outcomes for 2 jobs'],
    ['done', "returned 'done'"],
    [{ ok: true }, 'returned {"ok":true}'],
  ])('of %j says that nobody can tell', async (answer, text) =>
    expect(readOutcomes(answer, jobs)).rejects.toMatchObject({ code: 'JOB_FORGOTTEN', message: expect.stringContaining(text) }));
});
