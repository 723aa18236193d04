import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { AbandonJobError, getJobQueueToken, type Job, type JobQueue, NotifyQueueModule, Retry } from '../../../lib/index.js';
import { prometheusMetrics } from '../../../lib/prometheus/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { handle } from '../../support/handlers.js';
import { until } from '../../support/wait.js';

describe('prometheusMetrics', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  /** Samples by their text, such as `name{queue="default"}`. */
  const scrape = async (register: Registry): Promise<Record<string, number>> => {
    const lines = (await register.metrics()).split('\n').filter((line) => line && !line.startsWith('#'));
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]));
  };

  it('counts and measures by queue and name', async () => {
    const register = new Registry();
    const retried = (job: Job) => {
      if (job.attempt === 1) throw new Error('Once');
    };
    const fails = () => {
      throw new AbandonJobError('No');
    };
    const providers = [handle({ work: () => 1, fails }), handle({ retried }, { failureMode: Retry({ times: 1, delay: 0 }) })];
    const { queue } = await start({ providers, queue: { middleware: [prometheusMetrics({ register })] } });
    const jobs = [...(await queue.enqueueMany('work', [1, 2, 3])), await queue.enqueue('fails', {}), await queue.enqueue('retried', {})];
    await Promise.allSettled(jobs.map((job) => queue.result(job)));
    const of = (what: string, name: string) => `notify_queue_${what}{job_queue="default",queue="default",name="${name}"}`;
    await until(async () => (await scrape(register))[of('jobs_completed_total', 'retried')] === 1);
    expect(await scrape(register)).toMatchObject({
      [of('jobs_enqueued_total', 'work')]: 3,
      [of('jobs_started_total', 'work')]: 3,
      [of('jobs_completed_total', 'work')]: 3,
      [of('job_wait_duration_seconds_count', 'work')]: 3,
      [of('job_run_duration_seconds_count', 'work')]: 3,
      [of('jobs_failed_total', 'fails')]: 1,
      [of('jobs_retried_total', 'retried')]: 1,
      [of('jobs_started_total', 'retried')]: 2,
      [of('job_wait_duration_seconds_count', 'retried')]: 1,
      'notify_queue_listener_reconnects_total{job_queue="default"}': 0,
    });
    expect(await register.metrics()).not.toContain(jobs[0]!.id);
  });

  it('gauges of the status, and of what this process is', async () => {
    const register = new Registry();
    const { queue } = await start({ queue: { role: 'producer', queues: { mail: {} }, middleware: [prometheusMetrics({ register })] } });
    await queue.enqueue('work', {}, { queue: 'mail', delay: '1h' });
    await queue.enqueueMany('work', [1, 2], { queue: 'mail' });
    await queue.suspend('mail');
    await until(() => queue.stats().listening);
    const samples = await scrape(register);
    expect(samples).toMatchObject({
      'notify_queue_jobs{job_queue="default",queue="mail",state="scheduled"}': 1,
      'notify_queue_jobs{job_queue="default",queue="mail",state="available"}': 2,
      'notify_queue_jobs{job_queue="default",queue="mail",state="reserved"}': 0,
      'notify_queue_suspended{job_queue="default",queue="mail"}': 1,
      'notify_queue_listener_up{job_queue="default"}': 1,
      'notify_queue_enqueue_calls_total{job_queue="default"}': 2,
    });
    expect(samples['notify_queue_oldest_due_age_seconds{job_queue="default",queue="mail"}']).toBeGreaterThan(0);
    expect(samples['notify_queue_sweep_age_seconds{job_queue="default"}']).toBeUndefined(); // it runs no jobs
    // The status is read once in five seconds.
    await queue.enqueue('work', 3, { queue: 'mail' });
    expect((await scrape(register))['notify_queue_jobs{job_queue="default",queue="mail",state="available"}']).toBe(2);
  });

  it('counts what travelled together', async () => {
    const register = new Registry();
    const { queue } = await start({ providers: [handle({ work: () => 1 })], queue: { middleware: [prometheusMetrics({ register, prefix: 'shop_' })] } });
    const jobs = await Promise.all(Array.from({ length: 50 }, () => queue.enqueue('work', 1)));
    await Promise.all(jobs.map((job) => queue.result(job)));
    const samples = await scrape(register);
    const of = (what: string) => samples[`shop_${what}_total{job_queue="default"}`];
    expect(of('enqueue_calls')).toBe(50);
    expect(of('enqueue_inserts')).toBeLessThan(10);
    expect(of('reserves')).toBeGreaterThan(0);
    expect(of('wakes')).toBeGreaterThan(0);
    expect(of('notifications')).toBe(queue.stats().notifications);
    expect(samples['shop_sweep_age_seconds{job_queue="default"}']).toBeLessThan(60);
  });

  it('two JobQueues on one registry are told apart, and leave it when they close', async () => {
    const register = new Registry();
    const middleware = [prometheusMetrics({ register })];
    const other = NotifyQueueModule.forRoot({ name: 'other', schema: 'other', migrations: 'run', middleware });
    const { app, queue, close } = await start({ imports: [other], queue: { middleware } });
    await queue.enqueue('work', 1);
    await app.get<JobQueue>(getJobQueueToken('other')).enqueueMany('work', [1, 2]);
    const samples = await scrape(register);
    const enqueued = (name: string) => samples[`notify_queue_jobs_enqueued_total{job_queue="${name}",queue="default",name="work"}`];
    expect([enqueued('default'), enqueued('other')]).toEqual([1, 2]);
    expect(samples['notify_queue_jobs{job_queue="other",queue="default",state="available"}']).toBe(2);
    await close();
    const after = await scrape(register);
    expect(Object.keys(after).filter((name) => /^notify_queue_(jobs\{|listener_up)/.test(name))).toEqual([]);
    register.clear();
    await start({ queue: { middleware } });
    expect(await scrape(register)).toMatchObject({ 'notify_queue_enqueue_calls_total{job_queue="default"}': 0 });
  });

  it('a scrape while the database is down answers, without the gauges that it would have to ask', async () => {
    const register = new Registry();
    const proxy = await FaultProxy.forTest(database.url);
    const queue = { role: 'producer', middleware: [prometheusMetrics({ register, statusInterval: 0 })] } as const;
    await start({ url: proxy.url, queue: { ...queue, queues: { mail: {} } } });
    const gauge = 'notify_queue_jobs{job_queue="default",queue="mail",state="available"}';
    expect((await scrape(register))[gauge]).toBeDefined();
    proxy.hold();
    const away = await scrape(register);
    expect(away[gauge]).toBeUndefined();
    expect(away).toHaveProperty(['notify_queue_listener_up{job_queue="default"}']);
    proxy.heal();
    await until(async () => (await scrape(register))[gauge] !== undefined);
  });

  it('leaves out the gauges of the database where it is told to, and refuses what it does not know', async () => {
    const register = new Registry();
    await start({ queue: { middleware: [prometheusMetrics({ register, statusInterval: false })] } });
    expect(Object.keys(await scrape(register)).filter((name) => name.startsWith('notify_queue_jobs{'))).toEqual([]);
    for (const bad of [{ registry: register }, { prefix: 'a-b' }, { register: {} }, { statusInterval: true }]) {
      expect(() => prometheusMetrics(bad as object)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    }
  });
});
