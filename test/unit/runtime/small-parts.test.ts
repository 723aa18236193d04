import { setTimeout as sleep } from 'node:timers/promises';
import { BehaviorSubject, combineLatest, map, of } from 'rxjs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Appetite } from '../../../lib/runtime/appetite.js';
import { Deadlines } from '../../../lib/runtime/deadlines.js';
import { GuardedObservable } from '../../../lib/runtime/guarded-observable.js';
import { ScanPosition } from '../../../lib/runtime/scan-position.js';
import { SignalHub } from '../../../lib/runtime/signal-hub.js';
import { Backoff } from '../../../lib/core/backoff.js';

describe('Deadlines', () => {
  it('fires what is due, in time, and not what was cleared', async () => {
    const deadlines = new Deadlines();
    const fired: string[] = [];
    const [a, b, c] = [{}, {}, {}];
    deadlines.set(a, 250, () => fired.push('a'));
    deadlines.set(b, 10, () => {
      fired.push('b');
      deadlines.set(b, 10, () => fired.push('b again'));
    });
    deadlines.set(c, 10, () => fired.push('c'));
    deadlines.clear(c);
    await sleep(400);
    expect(fired).toEqual(['b', 'b again', 'a']);
    deadlines.set(a, 10, () => fired.push('never'));
    deadlines.stop();
    await sleep(30);
    expect(fired).toHaveLength(3);
  });
});

describe('Appetite', () => {
  it('asks for the free slots only, while nothing has finished', () => {
    const appetite = new Appetite();
    expect(appetite.want(10, 0)).toBe(10);
    expect(appetite.want(10, 4)).toBe(6);
    expect(appetite.want(10, 12)).toBe(0);
  });

  it('fetches ahead while jobs finish fast, and stops when they turn slow', async () => {
    const appetite = new Appetite();
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 1_000; i++) appetite.jobFinished();
      await sleep(2);
      appetite.measure();
    }
    expect(appetite.want(10, 0)).toBe(1_000);
    await sleep(210);
    appetite.jobFinished();
    appetite.measure();
    expect(appetite.want(10, 0)).toBe(10);
  });
});

describe('Appetite for a distant database', () => {
  it.each([[2, 25], [20, 60], [500, 75]])('after trips of %i ms asks for what %i ms will take', (tripMs, horizonMs) => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const appetite = new Appetite();
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 10; i++) appetite.jobFinished();
      vi.advanceTimersByTime(10);
      appetite.measure();
      appetite.tripTook(tripMs);
    }
    expect(appetite.want(0, 0)).toBeGreaterThanOrEqual(horizonMs - 1);
    expect(appetite.want(0, 0)).toBeLessThanOrEqual(horizonMs);
  });
});

describe('ScanPosition', () => {
  const place = { priority: 0, runAt: '2026-01-01', id: 'x' };

  it('starts at the beginning, then behind the last place', () => {
    const position = new ScanPosition();
    expect(position.next()).toBeUndefined();
    position.reached(place, true, true, 1);
    expect(position.next()).toEqual(place);
  });

  it.each<[string, (position: ScanPosition) => void]>([
    ['work came in', (position) => position.workCameIn()],
    ['nothing more was behind the place', (position) => position.reached(undefined, false, false, 1)],
  ])('looks at the beginning when %s', (_when, happens) => {
    const position = new ScanPosition();
    position.next();
    position.reached(place, true, true, 1);
    happens(position);
    expect(position.next()).toBeUndefined();
    expect(position.next()).toEqual(place);
  });

  it('looks at the beginning seldom while that is costly', async () => {
    const position = new ScanPosition();
    position.next();
    position.reached(place, true, true, 30);
    position.workCameIn();
    // Once may be chance.
    expect(position.next()).toBeUndefined();
    position.reached(place, true, true, 30);
    position.workCameIn();
    expect(position.next()).toEqual(place);
    await sleep(320);
    expect(position.next()).toBeUndefined();
  });
});

describe('GuardedObservable', () => {
  it('reports what subscribers throw, and serves the others', () => {
    const reported: unknown[] = [];
    const source = new BehaviorSubject(1);
    const guarded = new GuardedObservable(source, (error) => reported.push((error as Error).message));
    const seen: unknown[] = [];
    guarded.subscribe(() => {
      throw new Error('in next');
    });
    guarded.pipe(map((n) => n * 2)).subscribe({
      next: () => {
        throw new Error('in next of a pipe');
      },
    });
    guarded
      .pipe(
        map(() => {
          throw new Error('in a pipe');
        }),
      )
      .subscribe();
    guarded.subscribe((n) => seen.push(n));
    combineLatest([guarded, of('x')]).subscribe((pair) => seen.push(pair));
    source.next(2);
    expect(seen).toEqual([1, [1, 'x'], 2, [2, 'x']]);
    expect(reported).toEqual(['in next', 'in next of a pipe', 'in a pipe', 'in next', 'in next of a pipe']);
  });

  it('leaves errors to those who handle them', () => {
    const handled: unknown[] = [];
    const guarded = new GuardedObservable(of(1), () => handled.push('reported'));
    const failing = guarded.pipe(
      map(() => {
        throw new Error('x');
      }),
    );
    failing.subscribe({ error: (error: Error) => handled.push(error.message) });
    expect(handled).toEqual(['x']);
  });
});

describe('SignalHub', () => {
  it('tells watchers of a job until they leave', () => {
    const hub = new SignalHub();
    const told: string[] = [];
    const leave = hub.subscribe('a', () => told.push('a1'));
    hub.subscribe('a', () => told.push('a2'));
    hub.subscribe('b', () => told.push('b'));
    hub.signal('a');
    leave();
    hub.signal('a');
    hub.signal('unknown');
    hub.signalAll();
    expect(told).toEqual(['a1', 'a2', 'a2', 'a2', 'b']);
  });
});

describe('Backoff', () => {
  it('doubles up to its limit, with jitter', () => {
    const backoff = new Backoff(100, 400);
    for (const step of [100, 200, 400, 400]) {
      const delay = backoff.next();
      expect(delay).toBeGreaterThanOrEqual(step / 2);
      expect(delay).toBeLessThanOrEqual(step);
    }
    backoff.reset();
    expect(backoff.next()).toBeLessThanOrEqual(100);
  });
});
