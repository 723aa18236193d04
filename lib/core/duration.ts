import ms from 'ms';

/** The longest delay, lease or retention that is accepted: ten years. */
export const MAX_DURATION_MS = 10 * 365.25 * 24 * 3600 * 1000;

export const DURATION_EXPECTED =
  "a duration of at most ten years: milliseconds, or a string like '15s', '5m', '1.5h', '7d'";

/** Milliseconds of a duration; undefined for whatever is none. */
export function parseDuration(value: unknown): number | undefined {
  const duration = typeof value === 'string' ? parseText(value) : value;
  if (typeof duration !== 'number' || !(duration >= 0 && duration <= MAX_DURATION_MS)) return undefined;
  // To the microseconds that PostgreSQL has: of less it says that it is out of range.
  return Math.round(duration * 1_000) / 1_000;
}

/** Shows milliseconds as people write them: `15s`, `2h`. */
export function formatDuration(durationMs: number): string {
  return ms(Math.round(durationMs));
}

function parseText(value: string): number | undefined {
  if (value.trim() === '' || value.length > 100) return undefined;
  return ms(value as ms.StringValue);
}
