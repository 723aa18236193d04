import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Retry, type Job } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { ensureBuilt } from '../../support/build.js';
import { cliOn } from '../../support/cli.js';
import { useTestDatabase } from '../../support/database.js';
import { deferred } from '../../support/wait.js';
import { handle } from '../../support/handlers.js';

const UNKNOWN = '0192f0c1-5d2e-7c3a-9b1f-2d3e4f5a6b7c';

describe('jobs, queues and configs on the command line', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const cli = (...args: string[]) => cliOn(database)(...args);
  beforeAll(ensureBuilt, 120_000);
  afterEach(() => database.query('TRUNCATE notify_queue.jobs, notify_queue.job_history, notify_queue.job_configs'));

  it('jobs enqueue stores a job, and waits for its end if it is told to', async () => {
    const handlers = handle(
      {
        double: ({ payload }: Job<{ n: number }>) => payload.n * 2,
        fails: () => {
          throw new Error('\u001b[31mno\nuse');
        },
      },
      { queue: 'mail' },
    );
    await start({ providers: [handlers] });
    const done = await cli('jobs', 'enqueue', 'double', '{"n":21}', '--queue', 'mail', '--wait', '--json');
    expect(done).toMatchObject({ code: 0, stderr: '', json: { name: 'double', queue: 'mail', state: 'completed', result: 42 } });
    const failed = await cli('jobs', 'enqueue', 'fails', '--queue', 'mail', '--wait');
    expect(failed).toMatchObject({ code: 1, stderr: '' });
    expect(failed.stdout).toMatch(/^state +abandoned$/m);
    // What the database holds never steers the terminal.
    expect(failed.stdout).toContain('\\u001b[31mno');
    expect(failed.stdout).not.toContain('\u001b');
    const late = await cli('jobs', 'enqueue', 'double', '--wait', '100', '--delay', '1h', '--priority', '-3', '--id', UNKNOWN);
    expect(late).toMatchObject({ code: 2, stdout: '' });
    expect(late.stderr).toContain('had not finished after 100ms');
    expect((await cli('jobs', 'show', UNKNOWN, '--json')).json).toMatchObject({ priority: -3, state: 'scheduled', queue: 'default', payload: {} });
    const unique = ['jobs', 'enqueue', 'later', '--delay', '1h', '--group', 'ada', '--tag', 'a', 'b', '--unique', 'k', '--on-conflict', 'replace'];
    const { stdout: id } = await cli(...unique);
    expect(await cli(...unique)).toMatchObject({ code: 0, stdout: id, stderr: 'There is such a job already: replaced.\n' });
    expect((await cli('jobs', 'show', id.trim(), '--json')).json).toMatchObject({ group: 'ada', tags: ['a', 'b'], state: 'scheduled' });
  });

  it.each([
    [['jobs', 'enqueue', 'x', '{"n":'], /Expected JSON/],
    [['jobs', 'enqueue', 'x', '{"n":12345678901234567890,"t":"99999999999999999999"}'], /12345678901234567890 is a number that JavaScript cannot hold/],
    [['jobs', 'enqueue', 'x', '--run-at', '2030-02-31'], /Expected a date/],
    [['jobs', 'list', '--url', ''], /--url is empty/],
    [['jobs', 'enqueue', 'x', '--delay', 'soon'], /Expected a duration/],
    [['jobs', 'enqueue', 'x', '--run-at', 'soon'], /Expected a date/],
    [['jobs', 'enqueue', 'x', '--delay', '1s', '--run-at', '2027-01-31'], /cannot be used with/],
    [['jobs', 'enqueue', 'x', '--priority', '40000'], /Expected an integer from -32768 to 32767/],
    [['jobs', 'enqueue', 'x', '--on-conflict', 'keep'], /--on-conflict says what to do with the other job of --unique, which is missing/],
    [['jobs', 'enqueue', ' '], /'job' is ' '/],
    [['jobs', 'list', '--state', 'done'], /Expected some of scheduled/],
    [['jobs', 'list', '--limit', '0'], /Expected an integer from 1 to 1000/],
    [['jobs', 'show', '7'], /'id' is '7'; expected a UUID/],
    [['jobs', 'show', UNKNOWN], /There is no job/],
    [['jobs', 'retry'], /Name the jobs by their ids, or choose them/],
    [['jobs', 'retry', UNKNOWN, '--queue', 'mail'], /Name the jobs by their ids, or choose them/],
    [['jobs', 'nonsense'], /unknown command 'nonsense'/],
    [['configs', 'get', 'x'], /There is no config 'x'/],
    [['configs', 'set', 'x', ' '], /non-blank/],
    [['configs', 'set', 'x'], /missing required argument 'value'/],
  ])('%j is refused, for programs as JSON', async (args, message) => {
    const plain = await cli(...args);
    expect(plain).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
    expect(plain.stderr.startsWith('error: ')).toBe(true);
    const json = await cli(...args, '--json');
    expect(json).toMatchObject({ code: 1, stdout: '', json: { error: { code: expect.any(String), message: expect.stringMatching(message) } } });
  });

  it('jobs list pages through what is chosen', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    await queue.enqueueMany('a', [1, 2, 3], { queue: 'mail' });
    await queue.enqueue('b', { order: { id: 7 }, text: 'x'.repeat(100) }, { delay: '1h' });
    const first = await cli('jobs', 'list', '--queue', 'mail', '--limit', '2', '--json');
    expect(first.json.jobs.map(({ payload }: any) => payload)).toEqual([3, 2]);
    const second = await cli('jobs', 'list', '--queue', 'mail', '--limit', '2', '--cursor', first.json.nextCursor, '--json');
    expect([second.json.jobs.length, second.json.nextCursor]).toEqual([1, null]);
    const { stdout } = await cli('jobs', 'list', '--payload', '{"order":{"id":7}}', '--state', 'scheduled,available', '--since', '2020-01-01');
    expect(stdout).toMatch(/^id +queue +name +state +attempt +when +payload +failure\n[0-9a-f-]{36} +default +b +scheduled +0 +in 60m +\{"text":"x+…$/m);
    expect((await cli('jobs', 'list', '--name', 'c')).stdout).toBe('No such job.\n');
    expect((await cli('jobs', 'list', '--limit', '3')).stdout).toContain('There are more: --cursor ');
  });

  it('jobs cancel and retry work by ids, and by options after a look and a yes', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    const jobs = await queue.enqueueMany('a', Array.from({ length: 30 }, (_, n) => n), { queue: 'mail' });
    const [first] = jobs;
    expect((await cli('jobs', 'cancel', first!.id)).stdout).toBe('Cancelled 1 job.\n');
    expect(await cli('jobs', 'cancel', first!.id, UNKNOWN)).toMatchObject({ code: 0, stdout: 'Cancelled 0 jobs.\n2 jobs: not waiting.\n' });

    const preview = await cli('jobs', 'cancel', '--queue', 'mail', '--dry-run');
    expect(preview.stdout).toMatch(/^It would be 29 jobs\.\n/);
    expect(preview.stdout).toMatch(/and 19 more\n$/);
    expect(await cli('jobs', 'cancel', '--queue', 'mail')).toMatchObject({ code: 1, stderr: 'error: Cancelling 29 jobs. Pass --yes to do it.\n' });
    expect((await queue.status('mail')).count).toBe(29);
    expect(await cli('jobs', 'cancel', '--queue', 'mail', '--max', '28', '--yes')).toMatchObject({ code: 1, stderr: expect.stringContaining('more than 28 jobs') });
    expect((await cli('jobs', 'cancel', '--queue', 'mail', '--yes', '--json')).json).toEqual({ jobs: 29, done: 29, failures: [] });
    expect((await queue.status('mail')).count).toBe(0);

    expect((await cli('jobs', 'retry', '--queue', 'mail', '--yes')).stdout).toBe('Retried 0 jobs.\n');
    expect((await cli('jobs', 'retry', '--queue', 'mail', '--state', 'cancelled', '--yes')).stdout).toBe('Retried 30 jobs.\n');
    const twice = await cli('jobs', 'retry', first!.id, '--json');
    expect(twice).toMatchObject({ code: 1, json: { jobs: 1, failures: [{ id: first!.id, code: 'JOB_STATE' }] } });
  });

  it('jobs update and move, by ids and by options', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    const [first] = await queue.enqueueMany('a', [1, 2, 3], { queue: 'mail', delay: '1h' });
    expect((await cli('jobs', 'update', first!.id, '--delay', '0')).stdout).toBe('Changed 1 job.\n');
    expect((await cli('jobs', 'update', '--queue', 'mail', '--priority', '-3', '--yes')).stdout).toBe('Changed 3 jobs.\n');
    expect((await queue.find({ queue: 'mail' })).jobs.map(({ priority, state }) => [priority, state])).toEqual([[-3, 'available'], [-3, 'scheduled'], [-3, 'scheduled']]);
    expect(await cli('jobs', 'update', '--queue', 'mail')).toMatchObject({ code: 1, stderr: expect.stringContaining('Say what is to be changed') });
    expect((await cli('jobs', 'move', first!.id, UNKNOWN, '--to', 'fax')).stdout).toBe('Moved 1 job.\n1 job: not waiting.\n');
    expect((await cli('jobs', 'move', '--queue', 'mail', '--to', 'fax', '--yes', '--json')).json).toEqual({ jobs: 2, done: 2, failures: [] });
    expect(await queue.status('fax')).toMatchObject({ count: 3 });
    expect(await cli('jobs', 'move', first!.id)).toMatchObject({ code: 1, stderr: expect.stringContaining('--to') });
  });

  it('jobs hold and release, by ids and by options', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    const [first] = await queue.enqueueMany('a', [1, 2, 3], { queue: 'mail' });
    expect((await cli('jobs', 'hold', first!.id)).stdout).toBe('Held 1 job.\n');
    expect((await cli('jobs', 'hold', '--queue', 'mail', '--yes')).stdout).toBe('Held 2 jobs.\n');
    expect(await queue.status('mail')).toMatchObject({ held: 3, available: 0 });
    expect((await cli('jobs', 'release', '--queue', 'mail', '--yes', '--json')).json).toEqual({ jobs: 3, done: 3, failures: [] });
    expect(await queue.status('mail')).toMatchObject({ held: 0, available: 3 });
  });

  it('jobs of a group are chosen, shown and counted, blocked ones too', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    const jobs = await queue.enqueueMany('a', [1, 2, 3], { queue: 'mail', group: 'ada' });
    const { id } = await queue.enqueue('a', 4, { queue: 'mail' });
    await queue.hold(id);
    expect((await cli('jobs', 'list', '--group', 'ada', '--state', 'blocked', '--json')).json.jobs).toHaveLength(2);
    expect((await cli('jobs', 'show', jobs[2]!.id)).stdout).toMatch(/^state +blocked$[^]*^group +ada$/m);
    const columns = /^queue +available +scheduled +held +blocked +running +oldest due +processes\nmail +1 +0 +1 +2 +0 /m;
    expect((await cli('status')).stdout).toMatch(columns);
    expect((await cli('queues', 'list')).stdout).toMatch(columns);
    expect((await cli('jobs', 'cancel', '--group', 'ada', '--yes')).stdout).toBe('Cancelled 3 jobs.\n');
    expect(await queue.status('mail')).toMatchObject({ held: 1, blocked: 0, available: 0 });
  });

  it('bulk work chosen by options goes by tags too, tells of running jobs, and refuses what it is not for', async () => {
    const running = deferred();
    const { queue } = await start({
      providers: [handle({ endless: ({ signal }: Job) => (running.resolve(), new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))) })],
      queue: { defaults: { concurrency: 1 } },
    });
    await queue.enqueueMany('endless', Array.from({ length: 2_500 }, (_, n) => n), { tags: ['a', 'b'] });
    await queue.enqueue('endless', 0, { tags: ['a'], delay: '1h' });
    await running.promise;
    expect((await cli('jobs', 'cancel', '--tag', 'a', '--tag', 'b', '--abort', '--dry-run', '--json')).json).toEqual({ jobs: 2_500, dryRun: true });
    // Those that were fetched ahead are told as well, and do not begin.
    expect((await cli('jobs', 'cancel', '--tag', 'b', '--abort', '--yes')).stdout).toMatch(/^Cancelled 249\d jobs\.\n\d+ jobs?: told to end\.\n$/);
    await expect.poll(async () => (await queue.status('default')).count, { timeout: 5_000 }).toBe(1);
    expect((await queue.find({ state: 'cancelled', tags: 'b' }, { limit: 1_000 })).nextCursor).toBeDefined();
    expect(await cli('jobs', 'cancel', '--state', 'reserved', '--yes')).toMatchObject({ code: 1, stderr: expect.stringContaining("'reserved'; expected some of scheduled, available, held") });
    expect(await cli('jobs', 'cancel', '--payload', '{}', '--yes')).toMatchObject({ code: 1, stderr: expect.stringContaining('criteria.payload') });
    expect((await cli('jobs', 'list', '--tag', 'a', '--state', 'scheduled', '--json')).json.jobs).toHaveLength(1);
  });

  it('jobs cancel --abort ends what runs', async () => {
    const running = deferred();
    const { queue } = await start({
      providers: [
        handle({
          endless: ({ signal }: Job) => {
            running.resolve();
            return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
          },
        }, { failureMode: Retry({ times: 3 }) }),
      ],
    });
    const { id } = await queue.enqueue('endless', {});
    await running.promise;
    expect((await cli('jobs', 'cancel', id)).stdout).toBe('Cancelled 0 jobs.\n1 job: running.\n');
    expect((await cli('jobs', 'cancel', id, '--abort')).stdout).toBe('Cancelled 0 jobs.\n1 job: told to end.\n');
    await expect(queue.result(id)).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
  });

  it('queues are listed, suspended and resumed, and one with a typing error is not', async () => {
    const { queue } = await start({ providers: [handle({ a: () => undefined }, { queue: 'mail' })] });
    expect((await cli('queues', 'list')).stdout).toMatch(/^queue +available +scheduled +running +oldest due +processes\nmail +0 +0 +0 +- +1\n$/);
    const typo = await cli('queues', 'suspend', 'mial');
    expect(typo).toMatchObject({ code: 1, stderr: expect.stringMatching(/No process runs queue 'mial'.*Known: mail\. Pass --force/) });
    expect((await cli('queues', 'suspend', 'mail')).stdout).toBe("Queue 'mail' is suspended.\n");
    await queue.enqueue('a', {}, { queue: 'mail' });
    expect((await cli('queues', 'list', '--json')).json).toMatchObject([{ queue: 'mail', available: 1, suspended: true }]);
    expect((await cli('queues', 'suspend', '--json')).json).toEqual({ queue: null, suspended: true });
    expect((await cli('queues', 'resume', 'mail')).stdout).toBe("Queue 'mail' is resumed, but all queues are suspended: `npx notify-queue queues resume`.\n");
    expect((await cli('queues', 'resume')).stdout).toBe('All queues are resumed.\n');
    expect((await cli('queues', 'suspend', 'mial', '--force')).code).toBe(0);
  });

  it('configs are set, read, listed and deleted, and every process follows', async () => {
    const { configs } = await start();
    const seen: Array<string | undefined> = [];
    configs.config$.subscribe((all) => void seen.push(all.get('vat')));
    expect((await cli('configs', 'set', 'vat', '19')).stdout).toMatch(/^Set vat, revision \d+\.\n$/);
    await expect.poll(() => seen.at(-1)).toBe('19');
    expect((await cli('configs', 'get', 'vat')).stdout).toBe('19\n');
    expect((await cli('configs', 'get', 'vat', '--json')).json).toMatchObject({ key: 'vat', value: '19' });
    expect((await cli('configs', 'list')).stdout).toMatch(/^vat +19 +\d+ +2/m);
    expect((await cli('configs', 'delete', 'vat', '--json')).json).toEqual({ key: 'vat', deleted: true });
    await expect.poll(() => seen.at(-1)).toBeUndefined();
    expect((await cli('configs', 'list')).stdout).toBe('No rows.\n');
  });

  it('says which tables are missing', async () => {
    const { code, stderr } = await cli('jobs', 'list', '--schema', 'elsewhere');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: Schema 'elsewhere' has no tables of the queue.*npx notify-queue migrate --schema elsewhere/)]);
  });
});
