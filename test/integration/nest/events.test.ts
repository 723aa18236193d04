import { describe, expect, it } from 'vitest';
import { AbandonJobError, type JobEvent, Move, Retry, SnoozeJobError } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { until } from '../../support/wait.js';

describe('events$', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it.each([
    ['a job that completes', () => 1, {}, ['job:started', 'job:enqueued', 'job:completed']],
    ['one that is abandoned', () => { throw new AbandonJobError('No'); }, {}, ['job:started', 'job:enqueued', 'job:abandoned']],
    [
      'one that is retried',
      (job: { attempt: number }) => { if (job.attempt === 1) throw new Error('Once'); },
      { failureMode: Retry({ times: 1, delay: 0 }) },
      ['job:started', 'job:enqueued', 'job:retried', 'job:started', 'job:completed'],
    ],
    [
      'one that is moved',
      (job: { queue: string }) => { if (job.queue === 'default') throw new Error('Elsewhere'); },
      { failureMode: Move({ queue: 'other' }) },
      ['job:started', 'job:enqueued', 'job:moved', 'job:started', 'job:completed'],
    ],
  ] as Array<[string, (job: any) => unknown, object, string[]]>)('%s', async (_, run, options, kinds) => {
    const { queue } = await start({ providers: [handle({ work: run }, options)], queue: { queues: { other: {} } } });
    const events: JobEvent[] = [];
    queue.events$.subscribe((event) => events.push(event));
    const { id } = await queue.enqueue('work', {});
    await queue.result(id).catch(() => undefined);
    await until(() => events.length === kinds.length);
    // The hand-over starts a job when its insert is answered, a moment before the caller is.
    expect(events.map(({ kind }) => kind).sort()).toEqual([...kinds].sort());
    expect(events.every((event) => event.jobId === id && event.name === 'work')).toBe(true);
    const started = events.find(({ kind }) => kind === 'job:started');
    expect(started).toMatchObject({ attempt: 1, queue: 'default' });
    expect(started?.waitTimeMs).toBeGreaterThanOrEqual(0);
    const last = events.at(-1)!;
    expect(last.runTimeMs).toBeGreaterThanOrEqual(0);
    if (last.kind === 'job:abandoned') expect(last.failure).toMatchObject({ message: 'No' });
  });

  it('snoozing and delays: how long a job waited counts from when it was due', async () => {
    let runs = 0;
    const { queue } = await start({ providers: [handle({ nap: () => { if (++runs === 1) throw new SnoozeJobError(20); } })] });
    const events: JobEvent[] = [];
    queue.events$.subscribe((event) => events.push(event));
    await queue.result(await queue.enqueue('nap', {}, { delay: 400 }));
    await until(() => events.some(({ kind }) => kind === 'job:completed'));
    expect(events.map(({ kind }) => kind)).toEqual(['job:enqueued', 'job:started', 'job:released', 'job:started', 'job:completed']);
    expect(events[1]?.waitTimeMs).toBeLessThan(350);
    expect(events[2]?.delayMs).toBe(20);
  });

  it('an end is told when it is committed, to every subscriber, and one that throws hurts nobody', async () => {
    const { queue, logger } = await start({ providers: [handle({ work: () => 1 })] });
    const states: unknown[] = [];
    queue.events$.subscribe(() => {
      throw new Error('A broken subscriber');
    });
    queue.events$.subscribe((event) => {
      if (event.kind === 'job:completed') states.push(queue.get(event.jobId));
    });
    for (let i = 0; i < 3; i++) await queue.result(await queue.enqueue('work', {}));
    await until(() => states.length === 3);
    for (const job of await Promise.all(states)) expect(job).toMatchObject({ state: 'completed' });
    expect(logger.of('error').every((text) => text === 'A listener of job events failed')).toBe(true);
  });

  it('rescued jobs', async () => {
    const { queue } = await start({ providers: [handle({ work: () => 1 })], queue: { sweepInterval: '100ms', lease: '500ms' } });
    const events: JobEvent[] = [];
    queue.events$.subscribe((event) => events.push(event));
    await database.query(
      `INSERT INTO notify_queue.jobs (name, reserved_by, reserved_at, reservation, attempt) VALUES ('work', gen_random_uuid(), now(), 1, 1)`,
    );
    await until(() => events.some(({ kind }) => kind === 'job:completed'));
    expect(events.map(({ kind }) => kind)).toEqual(['job:rescued', 'job:started', 'job:completed']);
  });
});
