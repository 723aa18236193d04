import { describe, expect, it } from 'vitest';
import { crowdedBoot } from './scenarios/crowded-boot.js';
import { shutdownOfTheOnlyOne, shutdownOverdue } from './scenarios/shutdown.js';
import { OPTIONS, useFaults } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it('12: SIGTERM to the only worker, with an endless job', async () => expect(await faults.after(shutdownOfTheOnlyOne)).toEqual([]));
  it.each([
    ['heeds', false],
    ['ignores', true],
  ] as const)('12: SIGTERM to a worker with an endless job that %s its signal', async (_, ignoreSignal) =>
    expect(await faults.after((it) => shutdownOverdue(it, ignoreSignal))).toEqual([]),
  );
  it('13: processes boot at once on an empty database, and one is killed as it migrates', async () => {
    await expect(crowdedBoot(faults.server, 12)).resolves.toBeUndefined();
  });
});
