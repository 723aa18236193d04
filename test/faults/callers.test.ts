import { describe, expect, it } from 'vitest';
import { nastyHandlers } from './scenarios/nasty-handlers.js';
import { openTransactions } from './scenarios/open-transactions.js';
import { BY_ID, sameKey } from './scenarios/same-id.js';
import { LONG, OPTIONS, useFaults } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it('8: handlers throw and return whatever they like', async () => expect(await faults.after(nastyHandlers)).toEqual([]));
  it('10: many enqueue the same ids while their jobs run, are run again and lose their processes', async () =>
    expect(await faults.after((it) => sameKey(it, BY_ID, 64, LONG ? 30_000 : 3_000))).toEqual([]));
  it('21: transactions are rolled back, to a savepoint too, lose their connection, or commit late', async () =>
    expect(await faults.after((it) => openTransactions(it, LONG ? 10_000 : 1_000))).toEqual([]));
});
