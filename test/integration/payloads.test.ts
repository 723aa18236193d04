import { Injectable, UsePipes, ValidationPipe } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob, JobHandler, JobPayload, Retry, type Job } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { until } from '../support/wait.js';

const Order = z.object({ id: z.int(), at: z.coerce.date().default(new Date(0)), tags: z.array(z.string()).optional() });
const Place = defineJob('order.place', { schema: Order, queue: 'orders', failureMode: Retry({ times: 5 }) });

@Injectable()
class Orders {
  @JobHandler(Place)
  place({ payload }: Job<z.output<typeof Order>>) {
    return { id: payload.id, at: payload.at.getTime() };
  }
}

describe('a schema', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '200ms' });

  it('lets a good payload through, and gives the handler what it makes of it', async () => {
    const { queue } = await start({ providers: [Orders] });
    const job = await queue.enqueue(Place, { id: 1, at: '2027-01-31' });
    expect(await queue.result(job)).toEqual({ id: 1, at: Date.parse('2027-01-31') });
    // What is stored is what was given: who changes a default does not change stored jobs.
    expect((await queue.get(job.id))!.payload).toEqual({ id: 1, at: '2027-01-31' });
    expect(await queue.result(await queue.enqueue(Place, { id: 2 }))).toEqual({ id: 2, at: 0 });
  });

  it('refuses a bad payload before anything is written, alone, in bulk, in a transaction, and by plain name where there is a handler', async () => {
    const { queue, dataSource } = await start({ providers: [Orders] });
    const before = (await queue.find({ name: 'order.place' })).jobs.length;
    const bad = { id: 'x', tags: [1] } as never;
    await expect(queue.enqueue(Place, bad)).rejects.toMatchObject({
      code: 'INVALID_PAYLOAD',
      issues: [
        { path: 'id', message: expect.any(String) },
        { path: 'tags.0', message: expect.any(String) },
      ],
      message: expect.stringMatching(/^The payload was refused: payload\.id: .*; payload\.tags\.0: /),
    });
    await expect(queue.enqueueMany(Place, [{ id: 1 }, bad])).rejects.toThrow('payloads[1].id');
    await expect(dataSource.transaction((manager) => queue.enqueue(Place, bad, { manager }))).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
    await expect(queue.enqueue('order.place', bad)).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
    await expect(queue.enqueue(Place, null as never)).rejects.toThrow('The payload was refused: payload: ');
    expect((await queue.find({ name: 'order.place' })).jobs).toHaveLength(before);
  });

  it('judges what will be read from the database, not the object in memory', async () => {
    const Dated = defineJob('dated', { schema: z.object({ at: z.date() }) });
    const { queue } = await start({ queue: { role: 'producer' } });
    await expect(queue.enqueue(Dated, { at: new Date() })).rejects.toMatchObject({ code: 'INVALID_PAYLOAD', issues: [{ path: 'at' }] });
  });

  it('is asked again before the handler: what SQL stored is abandoned at once, not retried', async () => {
    const { queue } = await start({ providers: [Orders] });
    const [{ id }] = await database.query(`SELECT notify_queue.enqueue('order.place', '{"id": "x"}', 'orders') AS id`);
    await expect(queue.result(id)).rejects.toMatchObject({ code: 'JOB_ABANDONED', failure: { message: expect.stringContaining('The payload was refused: payload.id'), cause: { code: 'INVALID_PAYLOAD' } } });
    expect(await queue.get(id)).toMatchObject({ attempt: 1 });
  });

  it('may be asynchronous, may throw, and comes before pipes and parameters', async () => {
    const Slow = defineJob('slow', { schema: z.object({ n: z.number().transform(async (n) => n * 2) }) });
    const Broken = defineJob('broken', { schema: { '~standard': { version: 1, vendor: 'test', validate: () => { throw new Error('no database'); } } } });
    @Injectable()
    class Handlers {
      @JobHandler(Slow)
      @UsePipes(ValidationPipe)
      slow(@JobPayload('n') n: number) {
        return n;
      }
      @JobHandler(Broken)
      broken() {}
    }
    const { queue } = await start({ providers: [Handlers] });
    expect(await queue.result(await queue.enqueue(Slow, { n: 21 }))).toBe(42);
    await expect(queue.enqueue(Broken, {})).rejects.toThrow('no database');
    const [{ id }] = await database.query(`SELECT notify_queue.enqueue('broken', '{}') AS id`);
    await expect(queue.result(id)).rejects.toMatchObject({ failure: { message: 'no database' } });
  });
});

describe('versions', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '200ms' });
  const upgrade = {
    1: (old: { name: string }) => ({ first: old.name.split(' ')[0], last: old.name.split(' ')[1] }),
    2: async (old: { first: string; last: string }) => ({ ...old, initials: old.first[0]! + old.last[0] }),
  };
  const V1 = defineJob<{ name: string }>('greet', { queue: 'v' });
  const V2 = defineJob<{ first: string; last: string }>('greet', { queue: 'v', version: 2, upgrade: { 1: upgrade[1] } });
  const V3 = defineJob<{ initials: string }>('greet', { queue: 'v', version: 3, upgrade, schema: z.object({ initials: z.string().length(2) }) });

  it('payloads of older code are lifted one version after the other, then the schema is asked', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    const jobs = [await queue.enqueue(V1, { name: 'Ada Lovelace' }), await queue.enqueue(V2, { first: 'Alan', last: 'Turing' }), await queue.enqueue(V3, { initials: 'GH' })];
    const bad = await queue.enqueue(V1, { name: 'Madonna' });
    @Injectable()
    class Handlers {
      @JobHandler(V3)
      greet({ payload }: Job<{ initials: string }>) {
        return payload.initials;
      }
    }
    const worker = await start({ providers: [Handlers] });
    expect(await Promise.all(jobs.map((job) => worker.queue.result(job)))).toEqual(['AL', 'AT', 'GH']);
    await expect(worker.queue.result(bad)).rejects.toMatchObject({ failure: { message: expect.stringContaining('The upgrade of the payload from version 2 failed: ') } });
  });

  it('payloads of newer code wait for a process that knows them, with their attempts, and somebody is told', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    const job = await queue.enqueue(V3, { initials: 'AL' }, { maxJobTime: '5s' });
    @Injectable()
    class Old {
      @JobHandler(V2)
      greet() {
        expect.unreachable();
      }
    }
    const old = await start({ providers: [Old] });
    await until(async () => (await queue.get(job.id))!.state === 'scheduled');
    expect(await queue.get(job.id)).toMatchObject({ attempt: 0, failure: null });
    expect(old.logger.of('warn')).toEqual(['Job greet cannot run here: its payload has version 3, and this process knows 2; it waits for a newer one']);
    await old.close();
    await database.query('UPDATE notify_queue.jobs SET due_at = NULL, retry_at = NULL');
    @Injectable()
    class New {
      @JobHandler(V3)
      greet() {
        return 'known';
      }
    }
    const fresh = await start({ providers: [New] });
    expect(await fresh.queue.result(job)).toBe('known');
  });

  it('a version that nobody lifts any more is abandoned', async () => {
    const V5 = defineJob('five', { version: 5, upgrade: { 4: (old: object) => old } });
    @Injectable()
    class Handlers {
      @JobHandler(V5)
      five() {}
    }
    const { queue } = await start({ providers: [Handlers] });
    const [{ id }] = await database.query(`SELECT notify_queue.enqueue('five', '{}') AS id`);
    await expect(queue.result(id)).rejects.toMatchObject({ failure: { message: 'The payload has version 1, and the definition has no upgrade from 1 to 2' } });
  });

  it.each([
    [{ schema: {} }, 'schema'],
    [{ schema: 'z' }, 'schema'],
    [{ version: 0 }, 'version'],
    [{ version: 1.5 }, 'version'],
    [{ version: 3, upgrade: { 1: (p: never) => p } }, 'upgrade'],
    [{ version: 3, upgrade: { 3: (p: never) => p } }, 'upgrade'],
    [{ version: 3, upgrade: { x: (p: never) => p } }, 'upgrade'],
    [{ version: 2, upgrade: { 1: 'p' } }, 'upgrade.1'],
    [{ version: 2, upgrade: 1 }, 'upgrade'],
  ])('%j is refused', (options, option) => {
    expect(() => defineJob('bad', options as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option: `defineJob('bad').${option}` }));
  });

  it('a handler by plain name is given the payload as it is', async () => {
    const { queue } = await start({ providers: [handle({ 'order.place': (job: Job) => job.payload }, { queue: 'orders' })] });
    expect(await queue.result(await queue.enqueue('order.place', { id: 'x' }))).toEqual({ id: 'x' });
  });
});
