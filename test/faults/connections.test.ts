import { describe, expect, it } from 'vitest';
import { cancelledWhileSettled, exhaustedPool, forgedNotifications, strictIsolation } from './scenarios/crowds.js';
import { frozenListener, killedListener } from './scenarios/listener.js';
import { lostAnswers } from './scenarios/lost-answers.js';
import { killedBackends, serverCrash } from './scenarios/outages.js';
import { LONG, OPTIONS, useFaults } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it.each(LONG ? [200, 2_000, 8_000] : [200, 2_000])('2: the server crashes and is away for %i ms', async (awayMs) =>
    expect(await faults.after((it) => serverCrash(it, awayMs))).toEqual([]),
  );
  it('3: the backend of the listener is killed', async () => expect(await faults.after(killedListener)).toEqual([]));
  it('4: the backend of the listener stands still', async () => expect(await faults.after(frozenListener)).toEqual([]));
  it('5: answers of an enqueue, a reserve and a settlement are lost', async () => expect(await faults.after(lostAnswers)).toEqual([]));
  it('7: backends are killed at random', async () =>
    expect(await faults.after((it) => killedBackends(it, LONG ? 60_000 : 5_000, LONG ? 64 : 16))).toEqual([]));
  it.each(LONG ? (['repeatable read', 'serializable'] as const) : (['serializable'] as const))('9: the default isolation of the database is %s', async (level) =>
    expect(await faults.after((it) => strictIsolation(it, level))).toEqual([]),
  );
  it('22: jobs are cancelled while they are settled', async () => expect(await faults.after(cancelledWhileSettled)).toEqual([]));
  it('23: somebody sends forged notifications', async () => expect(await faults.after(forgedNotifications)).toEqual([]));
  it('24: handlers share one connection of the application', async () => expect(await faults.after(exhaustedPool)).toEqual([]));
});
