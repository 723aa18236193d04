import { expect, it } from 'vitest';
import type { ReservationStore } from '../../../lib/interfaces/ports/index.js';
import { ProgressWriter } from '../../../lib/runtime/progress-writer.js';
import type { RunningJob } from '../../../lib/runtime/running-job.js';
import type { TroubleLog } from '../../../lib/runtime/trouble-log.js';
import { deferred, until } from '../../support/wait.js';

it('hands over progress that is on its way, and nothing that has arrived', async () => {
  const sent = deferred();
  const arrived = deferred();
  const progress = (): Promise<void> => (sent.resolve(), arrived.promise);
  const writer = new ProgressWriter({ progress } as unknown as ReservationStore, () => 'i', {} as TroubleLog);
  const [job, other] = [{ id: 'a', reservation: 1 }, { id: 'b', reservation: 1 }] as RunningJob[];
  writer.save(job!, '1');
  writer.save(other!, '2');
  await sent.promise;
  expect(writer.take('a')).toBe('1');
  writer.save(job!, '3');
  expect(writer.take('a')).toBe('3');
  arrived.resolve();
  await until(() => writer.take('b') === null);
  writer.stop();
});
