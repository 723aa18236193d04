import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ReservedJob } from '../../../lib/interfaces/ports/index.js';
import { JobBuffer } from '../../../lib/runtime/job-buffer.js';
import { ProgressWriter } from '../../../lib/runtime/progress-writer.js';
import type { RunningJob } from '../../../lib/runtime/running-job.js';
import { TroubleLog } from '../../../lib/runtime/trouble-log.js';
import { DatabaseUnavailableError } from '../../../lib/errors/database.errors.js';
import type { Log, ReservationStore } from '../../../lib/interfaces/ports/index.js';
import { deferred, until } from '../../support/wait.js';

const jobs = (...ids: string[]): ReservedJob[] => ids.map((id) => ({ id }) as ReservedJob);

function logOf() {
  const lines: string[] = [];
  const note = (level: string) => (text: string) => void lines.push(`${level} ${text}`);
  const log: Log = { debug: note('debug'), log: note('log'), warn: note('warn'), error: note('error') };
  return { log, lines };
}

describe('JobBuffer', () => {
  it('hands out jobs in order while there is room', () => {
    const buffer = new JobBuffer(() => undefined);
    const started: string[] = [];
    buffer.push(jobs('a', 'b', 'c'));
    buffer.drainWhile(() => started.length < 2, ({ id }) => started.push(id));
    expect([started, buffer.size, buffer.has('c'), buffer.has('a')]).toEqual([['a', 'b'], 1, true, false]);
    buffer.push(jobs('d'));
    buffer.drainWhile(() => true, ({ id }) => started.push(id));
    expect([started, buffer.size]).toEqual([['a', 'b', 'c', 'd'], 0]);
    buffer.clear();
  });

  it('gives back what could not start for a while, and keeps what moves', async () => {
    const stale: string[] = [];
    const buffer = new JobBuffer((back) => stale.push(...back.map(({ id }) => id)));
    buffer.push(jobs(...Array.from({ length: 20 }, (_, n) => `${n}`)));
    for (let n = 0; n < 12; n++) {
      let room = 1;
      buffer.drainWhile(() => room-- > 0, () => undefined);
      await sleep(20);
    }
    expect(stale).toEqual([]);
    await until(() => stale.length > 0, { timeout: 1_000 });
    expect([stale, buffer.size]).toEqual([['12', '13', '14', '15', '16', '17', '18', '19'], 0]);
  });

  it('may be emptied while it hands out', () => {
    const buffer = new JobBuffer(() => undefined);
    buffer.push(jobs('a', 'b', 'c'));
    const started: string[] = [];
    buffer.drainWhile(() => started.length < 1, ({ id }) => (started.push(id), buffer.clear()));
    expect([started, buffer.size]).toEqual([['a'], 0]);
  });
});

describe('ProgressWriter', () => {
  const running = (id: string, reservation = 1) => ({ id, reservation }) as RunningJob;

  function writerOf(progress: ReservationStore['progress']) {
    const writes: string[] = [];
    const { log, lines } = logOf();
    const store = {
      progress: async (items: Parameters<ReservationStore['progress']>[0]) => {
        writes.push(items.map((item) => `${item.id}=${item.progress}`).join(' '));
        await progress(items);
      },
    } as unknown as ReservationStore;
    return { writer: new ProgressWriter(store, new TroubleLog(log)), writes, lines };
  }

  it('writes the latest value of each job, together', async () => {
    const { writer, writes } = writerOf(async () => undefined);
    for (let n = 0; n < 50; n++) writer.save(running('a'), `${n}`);
    writer.save(running('b'), '"x"');
    await until(() => writes.length > 0);
    expect(writes).toEqual(['a=49 b="x"']);
    expect(writer.take('a')).toBeNull();
    writer.stop();
  });

  it('hands over what was not written, for a job that is being settled', async () => {
    const { writer, writes } = writerOf(async () => undefined);
    writer.save(running('a'), '1');
    writer.save(running('b'), '2');
    expect([writer.take('a'), writer.take('a'), writer.take('x')]).toEqual(['1', null, null]);
    await until(() => writes.length > 0);
    expect(writes).toEqual(['b=2']);
    writer.stop();
  });

  it('never writes twice at once, and goes on after a failure', async () => {
    const first = deferred();
    let calls = 0;
    const { writer, writes, lines } = writerOf(() => (++calls === 1 ? first.promise : calls === 2 ? Promise.reject(new Error('no right')) : Promise.resolve()));
    writer.save(running('a'), '1');
    await until(() => writes.length === 1);
    writer.save(running('a'), '2');
    await sleep(150);
    expect(writes).toEqual(['a=1']);
    first.resolve();
    await until(() => writes.length === 2);
    writer.save(running('a'), '3');
    await until(() => writes.length === 3);
    expect(writes).toEqual(['a=1', 'a=2', 'a=3']);
    expect(lines).toEqual(['warn Progress could not be stored: no right']);
    writer.stop();
  });
});

describe('TroubleLog', () => {
  it('warns once of what will not mend itself, and only whispers that the database is away', () => {
    const { log, lines } = logOf();
    const trouble = new TroubleLog(log);
    for (let n = 0; n < 3; n++) trouble.report('Sweeping failed', new Error('permission denied'));
    trouble.report('Sweeping failed', new Error('no such table'));
    trouble.report('Sweeping failed', 'a text');
    trouble.report('Sweeping failed', new DatabaseUnavailableError('away', { mayHaveRun: false }));
    expect(lines).toEqual([
      'warn Sweeping failed: permission denied',
      'warn Sweeping failed: no such table',
      'warn Sweeping failed: a text',
      'debug Sweeping failed',
    ]);
  });
});
