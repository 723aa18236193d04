import fc, { type AsyncCommand } from 'fast-check';
import { expect } from 'vitest';
import type { World } from '../../world.js';
import { QUEUES, type Model, type ModelJob, type Queue } from './model.js';

/** The queue, by an application that enqueues, with two workers. */
export interface Real {
  readonly world: World;
  /** Ends one of the workers, and puts another one in its place. */
  replace(n: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

const MAX_KILLS = 2;
const HOUR_MS = 3_600_000;

/** A call, what it does to the model, and what it must answer by the model. */
class Step implements AsyncCommand<Model, Real> {
  constructor(
    private readonly text: string,
    private readonly act: (model: Model, real: Real) => Promise<void>,
    readonly check: (model: Readonly<Model>) => boolean = () => true,
  ) {}

  async run(model: Model, real: Real): Promise<void> {
    await this.act(model, real);
    model.release();
  }

  toString(): string {
    return this.text;
  }
}

interface NewJob {
  readonly failures: number;
  readonly ms: number;
  readonly delayed: boolean;
  readonly priority: number;
  readonly queue: Queue;
}

const newJob = fc.record<NewJob>({
  failures: fc.nat(4),
  ms: fc.nat(40),
  delayed: fc.boolean(),
  priority: fc.integer({ min: -3, max: 3 }),
  queue: fc.constantFrom('default', 'default', ...QUEUES),
});
const nth = fc.nat(30);
const key = fc.constantFrom('vat', 'rate');

export const COMMANDS = [
  fc.tuple(newJob, fc.constantFrom('alone', 'committed', 'rolled back'), fc.option(fc.uuid())).map(
    ([job, how, id]) => new Step(`enqueue(${JSON.stringify({ ...job, id })}), ${how}`, async (model, { world }) => {
      const { queue, dataSource } = world.producer;
      const options = { ...optionsOf(job), ...(id !== null && { id }) };
      if (id !== null && model.jobs.some((one) => one.id === id)) return;
      let stored = '';
      if (how === 'alone') stored = (await queue.enqueue('work', payloadOf(job), options)).id;
      else {
        const transaction = dataSource.transaction(async (manager) => {
          stored = (await queue.enqueue('work', payloadOf(job), { ...options, manager })).id;
          if (how === 'rolled back') throw new Error(how);
        });
        expectAnswer(await transaction.then(() => 'committed', (error: Error) => error.message), [how]);
      }
      world.calls.push({ id: stored, outcome: how === 'rolled back' ? how : 'stored' });
      if (how !== 'rolled back') model.jobs.push(added(stored, job));
    }),
  ),
  fc.tuple(newJob, fc.integer({ min: 1, max: 5 })).map(
    ([job, times]) => new Step(`enqueueMany(${JSON.stringify(job)} x ${times})`, async (model, { world }) => {
      const jobs = await world.producer.queue.enqueueMany('work', Array.from({ length: times }, () => payloadOf(job)), optionsOf(job));
      for (const { id } of jobs) {
        world.calls.push({ id, outcome: 'stored' });
        model.jobs.push(added(id, job));
      }
    }),
  ),
  nth.map((n) => onJob(`enqueue() with the id of job ${n}`, n, async (job, { world }) => {
    await world.producer.queue.enqueue('work', {}, { id: job.id, queue: 'parking' });
  })),
  nth.map((n) => onJob(`cancel(job ${n})`, n, async (job, { world }) => {
    const answer = expectPossible(job, await world.producer.queue.cancel(job.id));
    if (answer === 'ok') job.fate = 'cancelled';
    if (answer === 'not_found' && job.fate === 'open') job.fate = 'over';
  })),
  nth.map((n) => onJob(`cancel(job ${n}, { abort })`, n, async (job, { world }) => {
    const answer = expectPossible(job, await world.producer.queue.cancel(job.id, { abort: true }));
    if (answer === 'ok') job.fate = 'cancelled';
    if (answer === 'in_progress') job.fate = 'either';
    if (answer === 'not_found' && job.fate === 'open') job.fate = 'over';
  })),
  fc.tuple(nth, fc.constantFrom(...QUEUES)).map(([n, queue]) => onJob(`move(job ${n}, ${queue})`, n, async (job, { world }) => {
    const answer = expectPossible(job, await world.producer.queue.move(job.id, queue));
    if (answer === 'ok') Object.assign(job, { queue, free: false });
    if (answer === 'not_found' && job.fate === 'open') job.fate = 'over';
  })),
  nth.map((n) => onJob(`retry(job ${n})`, n, async (job, { world }) => {
    const answer = await world.producer.queue.retry(job.id).then(() => 'ok', (error: { code: string }) => error.code);
    const finished = job.fate !== 'open';
    expectAnswer(answer, finished ? ['ok'] : job.free ? ['ok', 'JOB_STATE'] : ['JOB_STATE']);
    if (answer === 'ok') Object.assign(job, { fate: 'open', free: false, delayed: false });
  })),
  fc.boolean().map((suspended) => new Step(suspended ? 'suspend()' : 'resume()', async (model, { world }) => {
    await (suspended ? world.producer.queue.suspend() : world.producer.queue.resume());
    model.suspended = suspended;
  })),
  fc.tuple(key, fc.string({ minLength: 1, unit: fc.constantFrom('a', 'b', 'c') })).map(
    ([name, value]) => new Step(`configs.set(${name}, ${value})`, async (model, { world }) => {
      await world.producer.configs.set(name, value);
      model.configs.set(name, value);
    }),
  ),
  key.map((name) => new Step(`configs.delete(${name})`, async (model, { world }) => {
    const answer = await world.producer.configs.delete(name).then(() => 'ok', (error: { code: string }) => error.code);
    expectAnswer(answer, [model.configs.delete(name) ? 'ok' : 'CONFIG_NOT_FOUND']);
  })),
  // Seldom: it takes longer than all the others together.
  fc.tuple(fc.nat(7), fc.constantFrom('SIGTERM', 'SIGKILL')).map(
    ([n, signal]) => new Step(
      `${signal} to worker ${n}`,
      async (model, { replace }) => {
        // A third crash in a row would abandon a job.
        model.kills += 1;
        await replace(n, signal);
      },
      ({ kills }) => n < 2 && kills < MAX_KILLS,
    ),
  ),
];

function onJob(text: string, n: number, act: (job: ModelJob, real: Real) => Promise<void>): Step {
  return new Step(text, (model, real) => act(model.pick(n)!, real), (model) => model.pick(n) !== undefined);
}

/** What a call on a waiting job may answer. */
function expectPossible<Answer extends string>({ fate, free }: ModelJob, answer: Answer): Answer {
  expectAnswer(answer, fate !== 'open' ? ['not_found'] : free ? ['ok', 'in_progress', 'not_found'] : ['ok']);
  return answer;
}

function expectAnswer(answer: string, possible: readonly string[]): void {
  expect(possible).toContain(answer);
}

const payloadOf = ({ ms, failures }: NewJob): object => ({ ms, failures });
const optionsOf = ({ delayed, priority, queue }: NewJob): object => ({ priority, queue, ...(delayed && { delay: HOUR_MS }) });
const added = (id: string, { failures, priority, queue, delayed }: NewJob): ModelJob => ({
  id, failures, priority, queue, delayed, fate: 'open', free: false,
});
