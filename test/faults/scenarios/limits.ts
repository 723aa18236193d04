import { expect } from 'vitest';
import { until } from '../../support/wait.js';
import { happened } from '../../support/worker.js';
import type { World } from '../world.js';

const MAX_INTEGER = 2_147_483_647;
const MAX_SMALLINT = 32_767;
const MAX_BIGINT = '9223372036854775807';
/** The last one that JavaScript can tell from the next. */
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Rows whose numbers are as large as their columns hold, as somebody may have written them by hand. */
export async function countersAtTheirLimits(world: World): Promise<void> {
  const worker = await world.startWorker();
  const insert = async (columns: string, values: string, name = 'noop'): Promise<string> => {
    const payload = name === 'noop' ? 'null' : '{"ms": 60000}';
    const [row] = await world.query(`INSERT INTO notify_queue.jobs (name, payload, ${columns}) VALUES ('${name}', '${payload}', ${values}) RETURNING id`);
    return row.id as string;
  };
  const beyond = [
    await insert('reservation', MAX_BIGINT),
    await insert('reservation', `${MAX_SAFE}`),
    await insert('attempt', `${MAX_INTEGER}`),
    await insert('reservation, attempt, crashes, priority', `-${MAX_BIGINT}, -${MAX_INTEGER}, -${MAX_SMALLINT}, -${MAX_SMALLINT}`),
  ];
  const within = [
    await insert('reservation', `${MAX_SAFE - 2n}`),
    await insert('reservation', `${2 ** 32}`),
    await insert('priority', `${MAX_SMALLINT}`),
    await insert('priority', `${-MAX_SMALLINT - 1}`),
  ];
  for (const id of [...beyond, ...within]) await worker.waitFor(happened('job:returned', id));
  await world.settled();
  // It runs alone, and whoever holds it dies: there is no number for one crash more.
  const crashed = await insert('crashes', `${MAX_SMALLINT}`, 'sleep');
  await worker.waitFor(happened('job:started', crashed));
  worker.kill('SIGKILL');
  const next = await world.startWorker();
  await world.settled();
  expect(await world.producer.queue.get(crashed)).toMatchObject({ state: 'abandoned', crashes: MAX_SMALLINT, failure: { code: 'WORKER_LOST' } });
  const errors = next.events.filter((event) => event.type === 'log:written' && event.level === 'error');
  expect(errors).toMatchObject([{ message: 'Job sleep was held by a process that died or lost its lease, and is abandoned', params: [{ jobId: crashed }, 'NotifyQueue'] }]);
  // These cannot be counted on, so what the checker says of them means nothing.
  await world.query(`DELETE FROM fault.log WHERE coalesce(after, before) ->> 'id' = ANY ($1)`, [beyond]);
}

/** The numbers of config revisions run out. */
export async function revisionsRunOut(world: World): Promise<void> {
  const { configs, queue } = world.producer;
  const worker = await world.startWorker();
  await configs.set('key', 'before');
  await world.query(`SELECT setval('notify_queue.job_configs_revision', ${MAX_SAFE - 6n})`);
  // A row that exists takes two, since it is first tried as a new one.
  for (const value of ['one', 'two', 'three']) {
    await configs.set('key', value);
    await worker.waitFor((event) => event.type === 'config:changed' && event.value === value);
  }
  await expect(configs.set('key', 'four')).rejects.toMatchObject({ code: '2200H' });
  await expect(queue.suspend()).rejects.toMatchObject({ code: '2200H' });
  expect(await configs.get('key')).toMatchObject({ value: 'three', revision: Number.MAX_SAFE_INTEGER });
  const revisions = worker.events.flatMap((event) => (event.type === 'config:changed' ? (event.revision ?? []) : []));
  expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
  await until(async () => (await configs.list()).length === 1);
  // Jobs go on.
  const id = await world.enqueue('work', {});
  await worker.waitFor(happened('job:returned', id));
  await world.settled();
}
