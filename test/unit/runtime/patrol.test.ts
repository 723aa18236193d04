import { beforeEach, describe, expect, it } from 'vitest';
import { DatabaseUnavailableError } from '../../../lib/errors/database.errors.js';
import { PatrolWorld } from '../../support/patrol-world.js';

const away = (): Error => new DatabaseUnavailableError('away', { mayHaveRun: true });

/** A part of 1,024 pages and one of 16,384, as they are asked of the store: first page and number of pages. */
const part = (n: number): number[] => [1_024 * n, 1_024];
const large = (n: number): number[] => [16_384 * n, 16_384];
/** Pages of a table of three parts, and of one of three large parts. */
const SMALL = 3_000;
const LARGE = 40_000;
const WHOLE = [large(0), large(1), large(2)];

describe('Patrol', () => {
  let world: PatrolWorld;
  beforeEach(() => void (world = new PatrolWorld()));

  describe('looks through', () => {
    it('a part at a time, and begins again after the last', async () => {
      world.pages = SMALL;
      const looks = [await world.look(), await world.look(), await world.look(), await world.look()];
      expect(looks).toEqual([[part(0)], [part(1)], [part(2)], [part(0)]]);
    });

    it('everything when a process has died, in the same look and once only, wherever it stood', async () => {
      world.pages = LARGE;
      world.dead = ['first'];
      world.strays = [{ page: 39_999, id: 'last' }];
      expect(await world.look()).toEqual([part(0), ...WHOLE]);
      expect(world.rescues).toEqual([['last']]);
      expect([await world.look(), await world.look()]).toEqual([[part(0)], [part(1)]]);
      world.dead.push('second');
      expect(await world.look()).toEqual([part(2), ...WHOLE]);
      expect([await world.look(), await world.look()]).toEqual([[part(0)], [part(1)]]);
    });

    it('a table of one part once, whoever has died', async () => {
      world.pages = 1_024;
      world.dead = ['first'];
      world.patrol.suspect();
      expect([await world.look(), await world.look()]).toEqual([[part(0)], [part(0)]]);
    });

    it('everything before it says that a dead process may be forgotten', async () => {
      world.pages = SMALL;
      world.dead = ['first'];
      await world.look();
      expect(world.searched).toEqual([[], []]);
      world.dead.push('second');
      await world.look();
      expect(world.searched.slice(2)).toEqual([['first'], ['first']]);
      await world.look();
      expect(world.searched.at(-1)).toEqual(['first', 'second']);
    });

    it('everything again for a process that died while it did so', async () => {
      world.pages = LARGE;
      world.dead = ['first'];
      world.trouble.patrol = () => {
        if (world.looks.length === 3) world.dead.push('second');
      };
      expect(await world.look()).toEqual([part(0), ...WHOLE]);
      expect(await world.look()).toEqual([part(0), ...WHOLE]);
      expect(world.searched.slice(4)).toEqual([['first'], ['first'], ['first'], ['first']]);
      expect(await world.look()).toEqual([part(0)]);
    });

    it('everything when an answer was lost, once', async () => {
      world.pages = SMALL;
      await world.look();
      world.patrol.suspect();
      expect([await world.look(), await world.look(), await world.look()]).toEqual([[part(1), large(0)], [part(0)], [part(1)]]);
    });

    it.each<['a death' | 'a lost answer', string, number]>([
      ['a death', 'first', 1],
      ['a death', 'last', 4],
      ['a lost answer', 'first', 1],
      ['a lost answer', 'second', 2],
      ['a lost answer', 'last', 4],
    ])('everything at the next look when, after %s, the %s part fails', async (why, _which, nth) => {
      world.pages = LARGE;
      if (why === 'a death') world.dead = ['first'];
      else world.patrol.suspect();
      world.trouble.patrol = () => {
        if (world.looks.length === nth) throw away();
      };
      await expect(world.patrol.look()).rejects.toThrow('away');
      expect((await world.look()).slice(-3)).toEqual(WHOLE);
      expect(world.searched.flat()).toEqual([]);
      expect(await world.look()).toEqual([part(0)]);
    });

    it('everything again when an answer was lost while it looked for what another one had told', async () => {
      world.pages = SMALL;
      world.patrol.suspect();
      world.trouble.patrol = () => world.patrol.suspect();
      expect(await world.look()).toEqual([part(0), large(0)]);
      world.trouble = {};
      expect(await world.look()).toEqual([part(0), large(0)]);
    });
  });

  describe('rescues', () => {
    const strays = (count: number) => Array.from({ length: count }, (_, n) => ({ page: 0, id: `${n}` }));

    it('strays in batches of 1,000, and has their queue look for them', async () => {
      world.strays = strays(2_300);
      await world.look();
      expect(world.rescues.map((ids) => ids.length)).toEqual([1_000, 1_000, 300]);
      expect(new Set(world.rescues.flat()).size).toBe(2_300);
      expect(world.wakes).toBe(3);
    });

    it('one by one when a batch fails, sets aside what fails alone, and tells it once', async () => {
      world.strays = strays(3);
      world.trouble.rescue = (ids) => {
        if (ids.includes('1')) throw new Error('bad row');
      };
      await world.look();
      expect(world.rescues).toEqual([['0', '1', '2'], ['0'], ['1'], ['2']]);
      await world.look();
      world.strays.push({ page: 0, id: 'new' });
      await world.look();
      expect(world.rescues.slice(4)).toEqual([['new']]);
      const text = expect.stringMatching(/^Job 1 of a dead process .* set aside/);
      expect(world.of('error')).toEqual([['error', text, { jobId: '1', error: 'Error: bad row' }]]);
    });

    it.each([['batch', 1], ['single row', 3]])('everything later when the database goes away at a %s', async (_what, nth) => {
      world.pages = SMALL;
      world.dead = ['first'];
      world.strays = strays(3);
      world.trouble.rescue = () => {
        if (world.rescues.length === nth) throw away();
        if (world.rescues.length === 1) throw new Error('bad row');
      };
      await expect(world.patrol.look()).rejects.toBeInstanceOf(DatabaseUnavailableError);
      const left = world.strays.map(({ id }) => id);
      world.trouble = {};
      expect(await world.look()).toEqual([part(1), large(0)]);
      expect([left.length, world.rescues.at(-1)]).toEqual([nth === 1 ? 3 : 2, left]);
      expect(world.of('error')).toEqual([]);
    });
  });
});
