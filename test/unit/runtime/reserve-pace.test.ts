import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ReservePace } from '../../../lib/runtime/reserve-pace.js';

describe('ReservePace', () => {
  let again = 0;
  let pace: ReservePace;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
    again = 0;
    pace = new ReservePace(() => again++);
  });
  afterEach(() => vi.useRealTimers());

  function reserve(jobs: number): void {
    pace.begin();
    pace.ended(jobs);
  }

  it('lets reserves follow each other while they find jobs now and then', () => {
    for (let i = 0; i < 100; i++) {
      expect(pace.allows()).toBe(true);
      reserve(i % 10 === 9 ? 1 : 0);
    }
  });

  it('keeps them apart when ten in a row found nothing, and calls back once', () => {
    for (let i = 0; i < 10; i++) reserve(0);
    expect([pace.allows(), pace.allows(), again]).toEqual([false, false, 0]);
    vi.advanceTimersByTime(32);
    expect([again, pace.allows()]).toEqual([1, true]);
    vi.advanceTimersByTime(1_000);
    expect(again).toBe(1);
  });

  it('does not delay a lone wake-up, and forgets when a job was found', () => {
    for (let i = 0; i < 50; i++) reserve(0);
    vi.advanceTimersByTime(33);
    expect(pace.allows()).toBe(true);
    reserve(1);
    expect(pace.allows()).toBe(true);
  });
});
