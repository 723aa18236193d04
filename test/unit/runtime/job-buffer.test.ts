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
  /** A buffer, what runs out of it, and what went back. Jobs whose id begins with '!' must run alone. */
  function bufferOf(slots: number) {
    const world = { running: new Set<string>(), started: [] as string[], back: [] as string[], settled: true };
    const buffer = new JobBuffer({
      slots: () => slots,
      runsAlone: ({ id }) => id.startsWith('!'),
      running: () => world.running.size,
      settled: () => world.settled,
      putBack: (jobs) => world.back.push(...jobs.map(({ id }) => id)),
    });
    const drain = (onStart: (id: string) => void = () => undefined): void =>
      buffer.drain(({ id }) => (world.running.add(id), world.started.push(id), onStart(id)));
    const end = (...ids: string[]): void => {
      for (const id of ids) world.running.delete(id);
      drain();
    };
    return { buffer, world, drain, end };
  }

  it('hands out jobs in order while there is room', () => {
    const { buffer, world, drain, end } = bufferOf(2);
    buffer.push(jobs('a', 'b', 'c'));
    drain();
    expect([world.started, buffer.size, buffer.has('c'), buffer.has('a')]).toEqual([['a', 'b'], 1, true, false]);
    buffer.push(jobs('d'));
    end('a', 'b');
    expect([world.started, buffer.size]).toEqual([['a', 'b', 'c', 'd'], 0]);
    buffer.clear();
  });

  it('lets one be taken out that has not started', () => {
    const { buffer, world, drain, end } = bufferOf(1);
    buffer.push(jobs('a', 'b', 'c', 'd'));
    drain();
    expect([buffer.remove('a'), buffer.remove('c'), buffer.remove('c'), buffer.size]).toEqual([[], jobs('c'), [], 2]);
    end('a');
    end('b');
    end('d');
    expect(world.started).toEqual(['a', 'b', 'd']);
    buffer.push(jobs('!lone'));
    expect([buffer.closed, buffer.remove('!lone'), buffer.closed, buffer.size]).toEqual([true, jobs('!lone'), false, 0]);
    buffer.clear();
  });

  it('gives back what could not start for a while, and keeps what moves', async () => {
    const { buffer, world, drain, end } = bufferOf(1);
    buffer.push(jobs(...Array.from({ length: 20 }, (_, n) => `${n}`)));
    drain();
    for (let n = 0; n < 11; n++) {
      await sleep(20);
      end(world.started.at(-1) as string);
    }
    expect(world.back).toEqual([]);
    await until(() => world.back.length > 0, { timeout: 1_000 });
    expect([world.back, buffer.size]).toEqual([['12', '13', '14', '15', '16', '17', '18', '19'], 0]);
  });

  it('may be emptied while it hands out', () => {
    const { buffer, world, drain } = bufferOf(3);
    buffer.push(jobs('a', 'b', 'c'));
    drain(() => buffer.clear());
    expect([world.started, buffer.size]).toEqual([['a'], 0]);
  });

  it('lets a job run alone that must: when nothing else is held here, and everything else goes back', () => {
    const { buffer, world, drain, end } = bufferOf(3);
    buffer.push(jobs('a', 'b'));
    drain();
    buffer.push(jobs('c', '!1', 'd', '!2'));
    drain();
    expect([world.started, world.back, buffer.closed, buffer.has('!1'), buffer.size]).toEqual([['a', 'b'], ['c', 'd', '!2'], true, true, 1]);
    // The answer to a reserve that was under way.
    buffer.push(jobs('e'));
    expect(world.back.at(-1)).toBe('e');
    end('a');
    world.settled = false;
    end('b');
    expect(world.started).toEqual(['a', 'b']);
    world.settled = true;
    drain();
    expect([world.started.at(-1), buffer.closed, buffer.size]).toEqual(['!1', true, 0]);
    buffer.push(jobs('f'));
    drain();
    expect([world.back.at(-1), world.started.at(-1)]).toEqual(['f', '!1']);
    end('!1');
    buffer.push(jobs('g'));
    drain();
    expect([world.started.at(-1), buffer.closed]).toEqual(['g', false]);
    buffer.clear();
  });

  it('gives up one that must run alone with all others', () => {
    const { buffer, drain } = bufferOf(1);
    buffer.push(jobs('a'));
    drain();
    buffer.push(jobs('!1', 'b'));
    expect(buffer.clear().map(({ id }) => id)).toEqual(['!1']);
    expect([buffer.size, buffer.closed]).toEqual([0, false]);
  });
});

describe('JobBuffer with batches', () => {
  /** Jobs are named by their first letter; those of 'b' run three together, after 60 ms at most. */
  function bufferOf(slots: number) {
    const world = { running: 0, started: [] as string[], back: [] as string[] };
    const buffer: JobBuffer = new JobBuffer({
      slots: () => slots,
      runsAlone: ({ id }) => id.endsWith('!'),
      running: () => world.running,
      settled: () => true,
      putBack: (left) => world.back.push(...left.map(({ id }) => id)),
      batchOf: (name) => (name === 'b' ? { size: 3, waitMs: 60 } : undefined),
      onReady: () => drain(),
    });
    const note = (id: string): void => void (world.running++, world.started.push(id));
    const drain = (): void => buffer.drain(({ id }) => note(id), (together) => note(together.map(({ id }) => id).join('+')));
    const push = (...ids: string[]): void => (buffer.push(ids.map((id) => ({ id, name: id[0] }) as ReservedJob)), drain());
    return { buffer, world, push, drain };
  }

  it('hands out a batch when it is full, and lets those pass that need not wait', () => {
    const { buffer, world, push } = bufferOf(4);
    push('b1', 'a1', 'b2', 'a2');
    expect([world.started, buffer.size, buffer.has('b2')]).toEqual([['a1', 'a2'], 2, true]);
    push('b3', 'b4');
    expect([world.started, buffer.size, buffer.has('b2'), buffer.has('b4')]).toEqual([['a1', 'a2', 'b1+b2+b3'], 1, false, true]);
    expect(buffer.clear().map(({ id }) => id)).toEqual(['b4']);
  });

  it('hands out what there is after the wait, in the order in which it came', async () => {
    const { buffer, world, push, drain } = bufferOf(1);
    push('a1', 'b1', 'a2');
    await sleep(80);
    expect([world.started, buffer.size]).toEqual([['a1'], 2]);
    world.running = 0;
    drain();
    expect(world.started).toEqual(['a1', 'b1']);
    buffer.clear();
  });

  it('wants what free slots and batches can take', () => {
    const { buffer, world, push } = bufferOf(4);
    expect(buffer.wants(1)).toBe(3);
    push('b1');
    // Two more for the batch, and three slots with as many as the last ones had.
    expect([buffer.wants(0), buffer.wants(1)]).toEqual([2 + 9, 2 + 6]);
    push('b2', 'a1');
    expect([world.running, buffer.wants(0)]).toEqual([1, 1 + 2]);
    world.running = 4;
    expect(buffer.wants(0)).toBe(-2);
    buffer.clear();
    expect(buffer.wants(0)).toBe(0);
  });

  it('puts back what no slot was free for, and keeps what waits for others', async () => {
    const { buffer, world, push } = bufferOf(1);
    push('a1');
    push('b1', 'b2', 'b3', 'a2');
    await sleep(170);
    push('b4');
    expect(world.back).toEqual(['b1', 'b2', 'b3', 'a2']);
    expect([buffer.size, buffer.remove('b4')[0]?.id, buffer.size, buffer.remove('b4')]).toEqual([1, 'b4', 0, []]);
  });

  it('keeps a job alone that must run alone', () => {
    const { buffer, world, push } = bufferOf(2);
    push('b1', 'b2!');
    expect([world.started, world.back, buffer.closed]).toEqual([['b2!'], ['b1'], true]);
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
        await progress(items, 'i');
      },
    } as unknown as ReservationStore;
    return { writer: new ProgressWriter(store, () => 'i', new TroubleLog(log)), writes, lines };
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

  it('writes large values a few at a time', async () => {
    const { writer, writes } = writerOf(async () => undefined);
    const large = JSON.stringify('x'.repeat(3_000_000));
    for (const id of ['a', 'b', 'c']) writer.save(running(id), large);
    await until(() => writes.length === 3);
    expect(writes.map((write) => write[0])).toEqual(['a', 'b', 'c']);
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

  it('warns once of a server that cannot work, whatever it says of that', () => {
    const { log, lines } = logOf();
    const trouble = new TroubleLog(log);
    const full = (file: string): Error => {
      const cause = Object.assign(new Error(`could not extend file ${file}`), { code: '53100' });
      return new DatabaseUnavailableError(cause.message, { cause, mayHaveRun: false });
    };
    for (const file of ['a', 'b']) trouble.report('Sweeping failed', full(file));
    trouble.report('Progress could not be stored', full('c'));
    expect(lines).toEqual(['warn Sweeping failed: could not extend file a']);
  });
});
