import { refusalOf } from '../core/refusal.js';
import { DatabaseUnavailableError } from '../errors/database.errors.js';
import type { Log } from '../interfaces/ports/index.js';
import { Repeats } from './repeats.js';

/**
 * Reports failures of work that is tried again until it succeeds. That the database is away is told
 * by the listener and needs no line here; anything else (a missing right, a dropped table, a full disk)
 * will not mend itself, so it is a warning, once a minute for each text. A server that refuses to work
 * has many texts for one cause.
 */
export class TroubleLog {
  private readonly repeats = new Repeats();

  constructor(private readonly log: Log) {}

  report(what: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const refusal = error instanceof DatabaseUnavailableError ? refusalOf(error.cause) : undefined;
    if (error instanceof DatabaseUnavailableError && !refusal) return this.log.debug(what, { error: reason });
    if (this.repeats.isDue(refusal ?? `${what} ${reason}`)) this.log.warn(`${what}: ${reason}`, { error: reason });
  }
}
