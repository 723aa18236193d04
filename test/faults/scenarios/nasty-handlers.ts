import { expect } from 'vitest';
import type { JobRecord } from '../../../lib/index.js';
import { NASTY, RETURNED, STORABLE, THROWN } from '../../fixtures/nasty-cases.js';
import { GRACE_MS, LEASE_MS, type World } from '../world.js';

/** One slot and no sweep: a job that kept its slot would keep all the others waiting. */
const OPTIONS = { lease: LEASE_MS, sweepInterval: '1m', shutdownGrace: GRACE_MS, queues: { default: { concurrency: 1 } } } as const;

/** Handlers throw and return whatever JavaScript has to offer, all in one process. */
export async function nastyHandlers(world: World): Promise<void> {
  const worker = await world.startWorker({ options: OPTIONS });
  const ids = new Map<string, string>();
  for (const name of Object.keys(NASTY)) ids.set(name, (await world.enqueue('nasty', name)) as string);
  const never = (await world.enqueue('never', null)) as string;
  const last = (await world.enqueue('work', {})) as string;
  await world.settled();

  for (const [name, id] of ids) expectReadable(name, (await world.producer.queue.get(id))!);
  await expect(world.producer.queue.result(never)).rejects.toMatchObject({
    code: 'JOB_ABANDONED',
    failure: { name: 'JobTimeoutError', code: 'JOB_TIMEOUT' },
  });
  expect(await world.producer.queue.get(last)).toMatchObject({ state: 'completed', attempt: 1 });
  // The one process ran all of them, and did not mind.
  expect(worker.hasExited).toBe(false);
  for (const [id, ms] of await reservedFor(world)) {
    // The one that never ends has its time, and a second to heed its signal.
    world.recovered('8: a job leaves `reserved`', ms - (id === never ? 1_100 : 0), 1_000);
  }
}

/** The failure that is stored can be read, and says what was thrown or is wrong with the result. */
function expectReadable(name: string, { state, failure }: JobRecord): void {
  const what = name.replace(/^(?:throws|returns) /, '');
  if (name.startsWith('returns') && what in STORABLE) {
    expect({ name, state, failure }).toEqual({ name, state: 'completed', failure: null });
    return;
  }
  const [, expected] = (name.startsWith('throws') ? THROWN : RETURNED)[what]!;
  expect({ name, state }).toEqual({ name, state: 'abandoned' });
  expect(failure?.message, name).toMatch(expected);
  expect(failure?.name, name).toMatch(/./);
  expect(JSON.stringify(failure).length, name).toBeLessThan(200_000);
}

/** For how long each job was reserved. */
async function reservedFor(world: World): Promise<Array<[id: string, ms: number]>> {
  const { live } = await world.history();
  const since = new Map<string, number>();
  return live.flatMap(({ at, before, after }): Array<[string, number]> => {
    if (after?.state === 'reserved' && before?.state !== 'reserved') since.set(after.id, at);
    return before?.state === 'reserved' && after?.state !== 'reserved' ? [[before.id, at - since.get(before.id)!]] : [];
  });
}
