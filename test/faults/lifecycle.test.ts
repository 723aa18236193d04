import { describe, expect, it } from 'vitest';
import { killedWorker, shutdownInTime, shutdownWhileReserving, shutdownWithNewJobs } from './scenarios/shutdown.js';
import { OPTIONS, useFaults } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it('6: a worker with an endless job is killed', async () => expect(await faults.after(killedWorker)).toEqual([]));
  it('12: SIGTERM to workers that are idle, have a short job, or get it twice', async () =>
    expect(await faults.after(shutdownInTime)).toEqual([]));
  it('12: SIGTERM to a worker while new jobs come in, one from its own', async () => expect(await faults.after(shutdownWithNewJobs)).toEqual([]));
  it('12: SIGTERM to a worker that is reserving', async () => expect(await faults.after(shutdownWhileReserving)).toEqual([]));
});
