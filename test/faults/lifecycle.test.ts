import { describe, expect, it } from 'vitest';
import { crowdedBoot } from './scenarios/crowded-boot.js';
import {
  killedWorker,
  shutdownInTime,
  shutdownOfTheOnlyOne,
  shutdownOverdue,
  shutdownWhileReserving,
  shutdownWithNewJobs,
} from './scenarios/shutdown.js';
import { OPTIONS, useFaults } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it('6: a worker with an endless job is killed', async () => expect(await faults.after(killedWorker)).toEqual([]));
  it('12: SIGTERM to workers that are idle, have a short job, or get it twice', async () =>
    expect(await faults.after(shutdownInTime)).toEqual([]));
  it('12: SIGTERM to the only worker, with an endless job', async () => expect(await faults.after(shutdownOfTheOnlyOne)).toEqual([]));
  it.each([
    ['heeds', false],
    ['ignores', true],
  ] as const)('12: SIGTERM to a worker with an endless job that %s its signal', async (_, ignoreSignal) =>
    expect(await faults.after((it) => shutdownOverdue(it, ignoreSignal))).toEqual([]),
  );
  it('12: SIGTERM to a worker while new jobs come in, one from its own', async () => expect(await faults.after(shutdownWithNewJobs)).toEqual([]));
  it('12: SIGTERM to a worker that is reserving', async () => expect(await faults.after(shutdownWhileReserving)).toEqual([]));
  it('13: processes boot at once on an empty database, and one is killed as it migrates', async () => {
    await expect(crowdedBoot(faults.server, 12)).resolves.toBeUndefined();
  });
});
