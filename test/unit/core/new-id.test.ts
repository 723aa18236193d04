import { afterEach, describe, expect, it, vi } from 'vitest';
import { newId } from '../../../lib/core/new-id.js';

describe('newId', () => {
  afterEach(() => vi.useRealTimers());

  it('makes UUIDs of version 7 that hold the time', () => {
    const before = Date.now();
    const id = newId();
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const ms = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
    expect(ms).toBeGreaterThanOrEqual(before);
    expect(ms).toBeLessThanOrEqual(Date.now() + 1);
  });

  it('makes each greater than the one before, at any rate and when the clock goes back', () => {
    vi.useFakeTimers({ now: Date.now() + 60_000 });
    const ids = Array.from({ length: 10_000 }, newId);
    vi.setSystemTime(Date.now() - 3_600_000);
    ids.push(...Array.from({ length: 10_000 }, newId));
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(20_000);
  });
});
