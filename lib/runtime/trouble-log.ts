import { refusalOf } from '../core/refusal.js';
import { DatabaseUnavailableError } from '../errors/database.errors.js';
import type { Log } from '../interfaces/ports/index.js';

const REPEAT_AFTER_MS = 60_000;

/**
 * Reports failures of work that is tried again until it succeeds. That the database is away is told
 * by the listener and needs no line here; anything else (a missing right, a dropped table, a full disk)
 * will not mend itself, so it is a warning, once a minute for each text. A server that refuses to work
 * has many texts for one cause.
 */
export class TroubleLog {
  private readonly warnedAt = new Map<string, number>();

  constructor(private readonly log: Log) {}

  report(what: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const refusal = error instanceof DatabaseUnavailableError ? refusalOf(error.cause) : undefined;
    if (error instanceof DatabaseUnavailableError && !refusal) return this.log.debug(what, { error: reason });
    const key = refusal ?? `${what} ${reason}`;
    const now = performance.now();
    if (now - (this.warnedAt.get(key) ?? -Infinity) < REPEAT_AFTER_MS) return;
    if (this.warnedAt.size > 100) this.warnedAt.clear();
    this.warnedAt.set(key, now);
    this.log.warn(`${what}: ${reason}`);
  }
}
