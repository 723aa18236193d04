import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { useLargeTable } from '../../support/large-table.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { untilListening } from '../../support/notifications.js';
import { deferred, until } from '../../support/wait.js';
import { happened, startWorker } from '../../support/worker.js';

/** What a look through the whole table comes too early for. */
describe('in a table of many parts', () => {
  const database = useTestDatabase();
  const start = useApps(database, { lease: '1.5s', sweepInterval: '1s' });
  const addAtTheEnd = useLargeTable(database);
  // Processes that died in the test before would have everything looked through.
  beforeEach(() => database.query('DELETE FROM notify_queue.job_instances'));

  it('a job of a dead process that was locked during the look is rescued soon after', async () => {
    const worker = await startWorker({ url: database.url, options: { lease: '1.5s', sweepInterval: '10m' } });
    const [id] = (await addAtTheEnd('endless', 1)) as [string];
    await worker.waitFor(happened('job:started', id));
    const other = await database.client();
    await other.query('BEGIN');
    await other.query('UPDATE notify_queue.jobs SET watched = true WHERE id = $1', [id]);
    const { queue } = await start({ providers: [handle({ endless: () => 'of another' })] });
    worker.kill('SIGKILL');
    await worker.exited;
    await sleep(3_000);
    await other.query('COMMIT');
    expect(await queue.result(id, { timeout: '4s' })).toBe('of another');
  });

  it('a job whose reserve had no answer runs elsewhere soon after its process has shut down', async () => {
    const proxy = await FaultProxy.forTest(database.url);
    const providers = [handle({ unheard: () => 'done' })];
    const first = await start({ url: proxy.url, providers, queue: { sweepInterval: '10m' } });
    await untilListening(database);
    await first.queue.result((await first.queue.enqueue('unheard', null)).id);
    await sleep(200);
    const lost = proxy.loseAnswerTo('nq_exchange');
    const [id] = (await addAtTheEnd('unheard', 1)) as [string];
    await lost;
    await sleep(20);
    await first.close();
    const second = await start({ providers: [handle({ unheard: () => 'of another' })] });
    expect(await second.queue.result(id, { timeout: '4s' })).toBe('of another');
  });

  it('a reserve that is committed after the look that its lost answer caused is found soon', async () => {
    const proxy = await FaultProxy.forTest(database.url);
    const go = deferred();
    const providers = [handle({ second: () => 'done', first: () => go.promise })];
    const queues = { default: { concurrency: 1 } };
    const { queue } = await start({ url: proxy.url, providers, queue: { lease: '6s', queues } });
    await untilListening(database);
    await queue.result((await queue.enqueue('second', null)).id);
    const [slow] = (await addAtTheEnd('first', 1)) as [string];
    await until(async () => (await queue.get(slow))?.state === 'reserved');
    const [id] = (await addAtTheEnd('second', 1)) as [string];
    await sleep(300);
    const other = await database.client();
    await other.query('BEGIN');
    await other.query('UPDATE notify_queue.jobs SET watched = true WHERE id = $1', [slow]);
    const broken = proxy.breakAfter('nq_exchange');
    go.resolve();
    await broken;
    // Sweeps go by, and the statement waits on, for four seconds at most.
    await sleep(2_500);
    await other.query('COMMIT');
    expect(await queue.result(id, { timeout: '5s' })).toBe('done');
  });
});
