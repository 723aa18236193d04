import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob, encryption, JobHandler, Move, Retry, UnreadableValueError, type Failure, type Job, type Success } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { until } from '../support/wait.js';

const OLD = randomBytes(32);
const NEW = randomBytes(32).toString('base64');
const both = encryption({ keys: { old: OLD, new: NEW }, current: 'new' });
const onlyOld = encryption({ keys: { old: OLD }, current: 'old' });

describe('encryption', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '200ms' });
  afterEach(() => database.query('TRUNCATE notify_queue.jobs, notify_queue.job_history'));
  const secret = { card: '4111 1111 1111 1111', 'ünï': '\u2028' };
  const echo = handle({
    echo: (job: Job) => {
      job.progress({ seen: job.payload });
      return job.payload;
    },
  });
  const stored = async (id: string): Promise<any> => (await database.query('SELECT payload, result, progress FROM notify_queue.all_jobs WHERE id = $1', [id]))[0];

  it('stores nothing that can be read, and shows everything to who has the key', async () => {
    const { queue, dataSource } = await start({ providers: [echo], queue: { codec: both } });
    const jobs = [
      await queue.enqueue('echo', secret),
      ...(await queue.enqueueMany('echo', [secret])),
      await dataSource.transaction((manager) => queue.enqueue('echo', secret, { manager })),
    ];
    for (const { id } of jobs) {
      expect(await queue.result(id)).toEqual(secret);
      expect(await queue.get(id)).toMatchObject({ payload: secret, result: secret, progress: { seen: secret } });
      const { payload, result, progress } = await stored(id);
      for (const value of [payload, result, progress]) expect(value).toEqual({ $encrypted: 'new', queue: 'default', data: expect.stringMatching(/^[A-Za-z0-9+/=]+$/) });
      expect(JSON.stringify([payload, result, progress])).not.toContain('4111');
    }
    // Equal payloads do not look alike.
    expect(new Set(await Promise.all(jobs.map(async ({ id }) => (await stored(id)).payload.data))).size).toBe(jobs.length);
    expect((await queue.find({ name: 'echo' })).jobs.map(({ payload }) => payload)).toEqual([secret, secret, secret]);
  });

  it('reads what was stored plain, and by an older key, and waits for a key that it does not have', async () => {
    const plain = await start({ queue: { role: 'producer' } });
    const old = await start({ queue: { role: 'producer', codec: onlyOld } });
    const jobs = [await plain.queue.enqueue('echo', secret), await old.queue.enqueue('echo', secret)];
    const worker = await start({ providers: [echo], queue: { codec: both } });
    for (const { id } of jobs) expect(await worker.queue.result(id)).toEqual(secret);
    await worker.close();

    const fresh = await start({ queue: { role: 'producer', codec: both } });
    const { id } = await fresh.queue.enqueue('echo', secret);
    const behind = await start({ providers: [echo], queue: { codec: onlyOld } });
    await until(async () => (await fresh.queue.get(id))!.state === 'scheduled');
    expect(behind.logger.of('warn')).toEqual([expect.stringMatching(/^Job echo cannot run here: .* encrypted by key 'new', which this process does not have$/)]);
    expect(await fresh.queue.get(id)).toMatchObject({ attempt: 0, payload: secret });
    // Who has not got the key sees what is stored.
    expect((await behind.queue.get(id))!.payload).toMatchObject({ $encrypted: 'new' });
  });

  it('abandons a payload that was changed or belongs to another job, and follows a job that is moved', async () => {
    const producer = await start({ queue: { role: 'producer', codec: both } });
    const [a, b, c] = await producer.queue.enqueueMany('echo', [1, 2, 3]);
    await database.query(`UPDATE notify_queue.jobs j SET payload = (SELECT payload FROM notify_queue.jobs WHERE id = $1) WHERE id = $2`, [a!.id, b!.id]);
    await producer.queue.move(c!.id, 'other');
    const { queue } = await start({ providers: [echo], queue: { codec: both, queues: { other: {} } } });
    await expect(queue.result(b!)).rejects.toMatchObject({ code: 'JOB_ABANDONED', failure: { message: expect.stringContaining('it was changed, belongs to another job'), cause: { code: 'UNREADABLE_VALUE' } } });
    expect([await queue.result(a!), await queue.result(c!)]).toEqual([1, 3]);
  });

  it('works with schemas, failure modes and success modes, which see it plain', async () => {
    const Pay = defineJob('pay', { schema: z.object({ card: z.string().min(4) }) });
    const seen: unknown[] = [];
    @Injectable()
    class Modes {
      handleFailure({ payload }: Failure) {
        seen.push(payload);
        return 'abandon' as const;
      }
      handleSuccess({ payload, result }: Success) {
        seen.push(payload, result);
      }
    }
    @Injectable()
    class Handlers {
      @JobHandler(Pay, { successMode: Modes })
      pay({ payload }: Job<{ card: string }>) {
        return payload.card.slice(-4);
      }
      @JobHandler('fails', { failureMode: Modes })
      fails() {
        throw new Error('no');
      }
      @JobHandler('moves', { failureMode: Move({ queue: 'later' }) })
      moves({ queue }: Job) {
        if (queue === 'default') throw new Error('later');
        return queue;
      }
    }
    const { queue } = await start({ providers: [Modes, Handlers], queue: { codec: both, queues: { later: {} } } });
    await expect(queue.enqueue(Pay, { card: '1' })).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect(await queue.result(await queue.enqueue(Pay, { card: '12345' }))).toBe('2345');
    await queue.result(await queue.enqueue('fails', secret)).catch(() => undefined);
    expect(await queue.result(await queue.enqueue('moves', {}))).toBe('later');
    await until(() => seen.length === 3);
    expect(seen).toEqual([{ card: '12345' }, '2345', secret]);
  });

  it('a codec of one’s own may fail for the moment, and is tried again', async () => {
    let down = false;
    const codec = {
      encode: (json: string) => JSON.stringify({ wrapped: json }),
      decode(value: unknown) {
        if (down) throw new Error('away');
        return JSON.parse((value as { wrapped: string }).wrapped);
      },
    };
    const { queue } = await start({ providers: [handle({ own: () => 1 })], queue: { codec } });
    down = true;
    const job = await queue.enqueue('own', {}, { failureMode: Retry({ times: 100, delay: 20 }) });
    await until(async () => ((await queue.get(job.id))?.attempt ?? 0) >= 2);
    down = false;
    expect(await queue.result(job)).toBe(1);
    expect(await queue.get(job.id)).toMatchObject({ failure: { message: 'away' } });
  });

  it('a codec that cannot store a result gives the job up, which would do its work again', async () => {
    const codec = {
      encode(json: string, { kind }: { kind: string }) {
        if (kind === 'result') throw new Error('no key');
        return json;
      },
      decode: (value: unknown) => value,
    };
    const { queue } = await start({ providers: [handle({ own: () => 1 })], queue: { codec } });
    const job = await queue.enqueue('own', {}, { failureMode: Retry({ times: 5 }) });
    await expect(queue.result(job)).rejects.toMatchObject({ code: 'JOB_ABANDONED', failure: { message: 'no key' } });
  });

  it('tells once a minute of all the jobs whose key it does not have', async () => {
    const producer = await start({ queue: { role: 'producer', codec: both } });
    await producer.queue.enqueueMany('echo', [1, 2, 3]);
    const behind = await start({ providers: [echo], queue: { codec: onlyOld } });
    await until(async () => (await producer.queue.status('default')).scheduled === 3);
    expect(behind.logger.of('warn')).toHaveLength(1);
  });

  it('refuses keys that are none, without showing them', () => {
    for (const options of [{}, { keys: {}, current: 'a' }, { keys: { a: 'c2hvcnQgc2VjcmV0' }, current: 'a' }, { keys: { a: OLD }, current: 'b' }, { keys: { a: OLD } }, { keys: { a: OLD }, current: 'a', more: 1 }]) {
      try {
        encryption(options as never);
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: 'INVALID_OPTION' });
        expect(String(error)).not.toMatch(/c2hvcnQ|Buffer|Uint8/);
      }
    }
    expect(() => both.decode({ $encrypted: 'gone', queue: 'q', data: '' }, { kind: 'payload', queue: 'q', name: 'n', id: 'i' })).toThrow(UnreadableValueError);
  });
});
