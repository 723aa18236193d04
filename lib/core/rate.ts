import { InvalidOptionError } from '../errors/configuration.errors.js';
import type { RateOptions } from '../interfaces/module-options.interface.js';
import type { Rate } from '../interfaces/ports/index.js';
import { parseDuration } from './duration.js';
import { OptionReader } from './option-reader.js';

const MAX_JOBS = 1_000_000;
const MIN_PER_MS = 1;
/** A tenth of the jobs of the period may come at once, so that a worker that is a little late loses nothing of the rate. */
const BURST_SHARE = 10;

/** Option `rate`. @throws InvalidOptionError */
export function readRate(reader: OptionReader, fallback: Rate | undefined): Rate | undefined {
  const raw = reader.raw('rate');
  if (raw === undefined) return fallback;
  const inner = new OptionReader(raw as RateOptions, reader.name('rate'));
  const jobs = inner.integer('limit', 0, 1, MAX_JOBS);
  if (jobs === 0) throw new InvalidOptionError(inner.name('limit'), undefined, `an integer from 1 to ${MAX_JOBS}`);
  const perMs = inner.duration('per', 1_000, MIN_PER_MS);
  const burst = inner.integer('burst', defaultBurst(jobs), 1, MAX_JOBS);
  inner.done();
  return Object.freeze({ rate: (jobs * 1_000) / perMs, burst });
}

export const RATE_EXPECTED = "a rate such as '100/1s' or '100/1m burst 20', or 'none'";
const RATE = /^(\d{1,7})\s*\/\s*([\w. ]{1,20}?)(?:\s+burst\s+(\d{1,7}))?$/;

/** The text of a config row; undefined for what is no rate. */
export function parseRate(text: string): Rate | undefined {
  const [, jobs, per, burst] = RATE.exec(text.trim()) ?? [];
  const limit = Number(jobs);
  // A unit alone is one of it.
  const perMs = parseDuration(per && /^[a-z]/.test(per) ? `1${per}` : per);
  const most = burst === undefined ? defaultBurst(limit) : Number(burst);
  if (!(limit >= 1 && limit <= MAX_JOBS) || perMs === undefined || perMs < MIN_PER_MS || !(most >= 1 && most <= MAX_JOBS)) return undefined;
  return { rate: (limit * 1_000) / perMs, burst: most };
}

function defaultBurst(jobs: number): number {
  return Math.max(1, Math.ceil(jobs / BURST_SHARE));
}
