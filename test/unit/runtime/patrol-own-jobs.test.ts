import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { JobCancelledError } from '../../../lib/errors/job.errors.js';
import type { Holding } from '../../../lib/interfaces/ports/index.js';
import { PatrolWorld } from '../../support/patrol-world.js';
import { until } from '../../support/wait.js';

const holding = (id: string, reservation = 5, queue = 'q'): Holding => ({ id, queue, reservation, cancelRequested: false });

describe('Patrol, of the jobs of its own process,', () => {
  let world: PatrolWorld;
  beforeEach(() => void (world = new PatrolWorld()));

  describe('puts back a job that is held here but unknown', () => {
    beforeEach(() => void (world.held = [holding('lost')]));

    /** Looks, and waits for the second look. */
    async function lookedAgain(): Promise<void> {
      await world.patrol.look();
      await until(() => world.holdings.length > 0, { timeout: 2_000 });
      await sleep(10);
    }

    it('at a second look, under its reservation', async () => {
      const lookedAt = performance.now();
      await world.patrol.look();
      expect([world.holdings, world.released]).toEqual([[], []]);
      await until(() => world.released.length > 0);
      expect(performance.now() - lookedAt).toBeGreaterThanOrEqual(195);
      expect([world.holdings, world.released]).toEqual([[['lost']], [{ id: 'lost', reservation: 5 }]]);
    });

    it.each<[string, () => unknown]>([
      ['it has become known', () => world.known.add('lost')],
      ['it is held no more', () => (world.held = [])],
      ['it is held by another reservation', () => (world.held = [holding('lost', 6)])],
      ['this process has another identity', () => (world.lease.instanceId = 'me again')],
      ['the lease is lost', () => (world.lease.trusted = false)],
    ])('not when by then %s', async (_what, change) => {
      setTimeout(change, 50);
      await lookedAgain();
      expect([world.holdings, world.released]).toEqual([[['lost']], []]);
    });

    it.each<[string, () => unknown]>([
      ['it is known', () => world.known.add('lost')],
      ['its queue is not run here', () => (world.held = [holding('lost', 5, 'other')])],
      ['the lease is lost', () => (world.lease.trusted = false)],
    ])('never when %s', async (_what, change) => {
      change();
      await world.patrol.look();
      await sleep(250);
      expect([world.holdings, world.released]).toEqual([[], []]);
    });

    it('later, while an answer is awaited that may tell of it', async () => {
      const askedBefore = performance.now();
      world.askedAt = [askedBefore];
      await world.patrol.look();
      // What is asked for after the first look cannot tell of it.
      const askedAfter = performance.now();
      world.askedAt = [askedBefore, askedAfter];
      await until(() => world.holdings.length === 2);
      await sleep(10);
      expect(world.released).toEqual([]);
      world.askedAt = [askedAfter];
      await until(() => world.released.length > 0);
      expect([world.holdings.length, world.released]).toEqual([3, [{ id: 'lost', reservation: 5 }]]);
    });

    it('never when the awaited answer tells of it', async () => {
      world.askedAt = [performance.now()];
      await lookedAgain();
      world.known.add('lost');
      world.askedAt = [];
      await sleep(450);
      expect([world.holdings.length, world.released]).toEqual([2, []]);
    });

    it('after everything was looked through again, when the second look fails', async () => {
      world.pages = 3_000;
      world.trouble.holdings = () => {
        throw new Error('no right');
      };
      await lookedAgain();
      expect(world.logged).toEqual([['warn', 'Held jobs could not be read: no right', { error: 'no right' }]]);
      world.trouble = {};
      expect(await world.look()).toEqual([[1_024, 1_024], [0, 16_384]]);
      await until(() => world.released.length > 0);
    });
  });

  describe('aborts', () => {
    const cancelled = (id: string): Holding => ({ ...holding(id), cancelRequested: true });
    const abortion = (id: string): unknown => [id, expect.any(JobCancelledError)];
    beforeEach(() => {
      world.running = ['a', 'b'];
      for (const id of world.running) world.known.add(id);
      world.held = [holding('a'), cancelled('b')];
    });

    it('at each look what runs here and whose cancellation was requested', async () => {
      await world.look();
      expect([world.holdings, world.aborted]).toEqual([[['a', 'b']], [abortion('b')]]);
    });

    it('what a signal tells of, with one look for signals that come together', async () => {
      for (const id of ['a', 'b', 'a']) world.patrol.signal(id);
      await until(() => world.aborted.length > 0);
      await sleep(20);
      expect([world.holdings, world.aborted]).toEqual([[['a', 'b']], [abortion('b')]]);
      world.held = [cancelled('a')];
      world.patrol.signal('a');
      await until(() => world.aborted.length === 2);
      expect([world.looks, world.holdings.at(-1), world.aborted.at(-1)]).toEqual([[], ['a'], abortion('a')]);
    });

    it('what a signal tells of while the answer that brings it is under way', async () => {
      world.known.delete('b');
      world.askedAt = [performance.now()];
      for (const id of ['b', 'unknown', 'b']) world.patrol.signal(id);
      await sleep(60);
      expect([world.holdings, world.aborted]).toEqual([[], []]);
      world.askedAt = [];
      world.known.add('b');
      await until(() => world.aborted.length > 0);
      expect([world.holdings, world.aborted]).toEqual([[['b']], [abortion('b')]]);
      world.patrol.signal('unknown');
      await sleep(60);
      expect(world.holdings).toEqual([['b']].map((ids) => ids));
    });

    it('nothing while the lease is lost', async () => {
      world.lease.trusted = false;
      world.patrol.signal('b');
      await world.look();
      await sleep(20);
      expect([world.holdings, world.aborted]).toEqual([[], []]);
    });

    it('nothing when the look after a signal fails, which is told', async () => {
      world.trouble.holdings = () => {
        throw new Error('no right');
      };
      world.patrol.signal('b');
      await until(() => world.logged.length > 0);
      expect([world.logged, world.aborted]).toEqual([[['warn', 'Held jobs could not be read: no right', { error: 'no right' }]], []]);
    });
  });
});
