import { HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { describe, expect, it, vi } from 'vitest';
import { JobQueue } from '../../../lib/index.js';
import { JobQueueHealthIndicator } from '../../../lib/terminus/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { until } from '../../support/wait.js';

describe('JobQueueHealthIndicator', () => {
  const database = useTestDatabase();
  const startApp = useApps(database, { sweepInterval: '1m' });
  const start = async (url = database.url) => {
    const options = { queues: { mail: {}, print: {} } };
    const started = await startApp({ url, imports: [TerminusModule.forRoot({ logger: false })], providers: [JobQueueHealthIndicator], queue: options });
    return { ...started, indicator: started.app.get(JobQueueHealthIndicator) };
  };

  it('is up while the database answers, and tells of the queues', async () => {
    const { app, queue, indicator } = await start();
    await until(() => queue.stats().listening);
    const { status, details } = await app.get(HealthCheckService).check([() => indicator.isHealthy('jobs', { maxOldestDueAge: '1m', maxWaiting: 10 })]);
    expect(status).toBe('ok');
    expect(details).toEqual({ jobs: { status: 'up', listening: true, sweepAgeMs: null, waiting: 0, running: 0, oldestDueMs: 0, suspended: [] } });
  });

  it('is down by backlog and by latency, of the queues that are not suspended', async () => {
    const { app, queue, indicator } = await start();
    await queue.enqueueMany('work', [1, 2, 3], { queue: 'mail' }); // nobody handles it
    await queue.enqueue('work', 1, { queue: 'print', delay: '1h' });
    await new Promise((resolve) => setTimeout(resolve, 50));

    expect(await indicator.isHealthy('jobs', { maxWaiting: 3 })).toMatchObject({ jobs: { status: 'up', waiting: 3 } });
    const down = { status: 'down', message: "3 jobs of queue 'mail' wait, more than 2" };
    expect(await indicator.isHealthy('jobs', { maxWaiting: 2 })).toMatchObject({ jobs: down });
    expect(await indicator.isHealthy('jobs', { maxWaiting: 2, queue: 'print' })).toMatchObject({ jobs: { status: 'up', waiting: 0 } });
    const late = await indicator.isHealthy('jobs', { maxOldestDueAge: 20 });
    expect(late.jobs).toMatchObject({ status: 'down', message: expect.stringMatching(/^a job of queue 'mail' has been due for \d+ms, more than 20ms$/) });
    await expect(app.get(HealthCheckService).check([() => indicator.isHealthy('jobs', { maxWaiting: 2 })])).rejects.toMatchObject({ status: 503 });

    await queue.suspend('mail');
    await until(async () => (await queue.status('mail')).suspended);
    expect(await indicator.isHealthy('jobs', { maxWaiting: 2 })).toMatchObject({ jobs: { status: 'up', suspended: ['mail'], waiting: 3 } });
  });

  it('is down, and throws nothing, when the database is away, slow, or an option is bad', async () => {
    const { queue, indicator } = await start();
    const bad = await indicator.isHealthy('jobs', { maxWaitign: 1 } as object);
    expect(bad.jobs).toMatchObject({ status: 'down', message: expect.stringContaining('isHealthy.maxWaitign') });
    expect(await indicator.isHealthy('jobs', { queue: '' })).toMatchObject({ jobs: { status: 'down' } });

    vi.spyOn(queue, 'status').mockReturnValueOnce(new Promise<never>(() => undefined));
    expect(await indicator.isHealthy('jobs', { timeout: 10 })).toEqual({ jobs: { status: 'down', message: "The queue's status cannot be read" } });
    vi.spyOn(queue, 'status').mockRejectedValueOnce(Object.assign(new Error('connect ECONNREFUSED 10.0.0.1'), { code: 'DATABASE_UNAVAILABLE' }));
    const away = { status: 'down', message: "The queue's status cannot be read (DATABASE_UNAVAILABLE)" };
    expect(await indicator.isHealthy('jobs')).toEqual({ jobs: away });
  });

  it('is down while migrations are pending, and up with a newer schema', async () => {
    const { queue, indicator } = await start();
    const { expected } = await queue.schemaVersion();
    const newest = await database.query('DELETE FROM notify_queue.job_migrations WHERE version = (SELECT max(version) FROM notify_queue.job_migrations) RETURNING *');
    const message = `the tables are at version ${expected - 1} of ${expected}: migrations are pending`;
    expect(await indicator.isHealthy('jobs')).toMatchObject({ jobs: { status: 'down', message } });
    for (const version of [expected, expected + 1]) {
      await database.query('INSERT INTO notify_queue.job_migrations SELECT (jsonb_populate_record(NULL::notify_queue.job_migrations, $1::jsonb)).*', [JSON.stringify({ ...newest[0], version })]);
      expect(await indicator.isHealthy('jobs')).toMatchObject({ jobs: { status: 'up' } });
    }
    await database.query('DELETE FROM notify_queue.job_migrations WHERE version = $1', [expected + 1]);
  });

  it('of a process that runs no jobs does not look at sweeps, and of one that polls not at notifications', async () => {
    const { indicator, queue } = await start();
    expect(await indicator.isHealthy('jobs', { maxSweepAge: 0 })).toMatchObject({ jobs: { status: 'up', sweepAgeMs: null } });
    expect(queue.stats().notListeningMs).not.toBeNull();

    const polling = await startApp({ imports: [TerminusModule.forRoot({ logger: false })], providers: [JobQueueHealthIndicator], queue: { listen: false } });
    const health = await polling.app.get(JobQueueHealthIndicator).isHealthy('jobs', { maxNotListening: 0 });
    expect(health).toMatchObject({ jobs: { status: 'up', listening: false } });
  });

  it('tells of sweeps that stand still, and of a listener that hears nothing', async () => {
    const providers = [JobQueueHealthIndicator, handle({ work: () => 1 })];
    const { app, queue } = await startApp({ imports: [TerminusModule.forRoot({ logger: false })], providers, queue: { lease: '5s' } });
    const indicator = app.get(JobQueueHealthIndicator);
    await until(() => queue.stats().listening);
    expect(await indicator.isHealthy('jobs')).toMatchObject({ jobs: { status: 'up', sweepAgeMs: expect.any(Number) } });
    const late = await indicator.isHealthy('jobs', { maxSweepAge: 0 });
    expect(late.jobs).toMatchObject({ status: 'down', message: expect.stringMatching(/^no sweep has succeeded for \d+ms, more than 0ms$/) });

    const lostAt = performance.now();
    await database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'notify-queue listener' AND datname = current_database()`);
    expect(await until(() => queue.stats().notListeningMs)).toBeLessThan(performance.now() - lostAt);
    const deaf = await indicator.isHealthy('jobs', { maxNotListening: 0 });
    expect(deaf.jobs).toMatchObject({ status: 'down', message: expect.stringMatching(/^no notifications have arrived for \d+ms, more than 0ms$/) });
    await until(async () => (await indicator.isHealthy('jobs', { maxNotListening: 0 })).jobs.status === 'up');
    expect(queue.stats().listenerReconnects).toBe(1);
  });

  it('looks at the JobQueue of a name, with or without a default one', async () => {
    const { app } = await startApp({ imports: [TerminusModule.forRoot({ logger: false })], providers: [JobQueueHealthIndicator] });
    const indicator = app.get(JobQueueHealthIndicator);
    const jobQueue = app.get(JobQueue);
    expect(await indicator.isHealthy('jobs', { jobQueue })).toMatchObject({ jobs: { status: 'up' } });
    const alone = new JobQueueHealthIndicator(app.get(HealthIndicatorService), undefined);
    expect(await alone.isHealthy('jobs', { jobQueue })).toMatchObject({ jobs: { status: 'up' } });
    expect(await alone.isHealthy('jobs')).toMatchObject({ jobs: { status: 'down', message: expect.stringContaining('isHealthy(key, { jobQueue })') } });
  });

  it('is down while the database is away, and up again after it', async () => {
    const proxy = await FaultProxy.forTest(database.url);
    const { indicator } = await start(proxy.url);
    expect(await indicator.isHealthy('jobs')).toMatchObject({ jobs: { status: 'up' } });
    proxy.hold();
    const down = { status: 'down', message: "The queue's status cannot be read" };
    expect(await indicator.isHealthy('jobs', { timeout: 200 })).toEqual({ jobs: down });
    proxy.heal();
    await until(async () => (await indicator.isHealthy('jobs')).jobs.status === 'up');
  });
});
