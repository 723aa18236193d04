import { AsyncLocalStorage } from 'node:async_hooks';
import { vi } from 'vitest';
import { Database } from '../../lib/store/database.js';

export interface Counted {
  sent: number;
}

/** Counts the statements that each call sends; undone by `vi.restoreAllMocks()`. */
export function countSentStatements(): AsyncLocalStorage<Counted> {
  const calls = new AsyncLocalStorage<Counted>();
  for (const method of ['run', 'runWith'] as const) {
    const original = Database.prototype[method] as (...args: unknown[]) => Promise<never>;
    vi.spyOn(Database.prototype, method).mockImplementation(function (this: Database, ...args: unknown[]) {
      const call = calls.getStore();
      if (call) call.sent++;
      return original.apply(this, args);
    });
  }
  return calls;
}
