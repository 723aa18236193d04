import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../../lib/store/database.js';
import { createStatements, type Statements } from '../../lib/store/statements/index.js';
import type { Query } from '../../migrations/apply.js';
import { createTestDatabase, useTestDatabase, type TestDatabase } from '../support/database.js';
import { explain, explainPrepared } from '../support/plans.js';
import { queryOn } from '../support/empty-database.js';
import { SAMPLE_PARAMS, START } from '../support/sample-params.js';
import { until } from '../support/wait.js';

const STATEMENTS = createStatements('notify_queue');
const NO_FINISHES = [[], [], null, null, null, null, [null, null, null]];
const JOB = ['jobs_pkey'];
const ID = randomUUID();

interface Expectation {
  readonly params: readonly unknown[];
  /** The indexes that the statement's header names, and that its plan must use. */
  readonly indexes: readonly string[];
  /** Reads a table from end to end on purpose. */
  readonly scans?: readonly string[];
  /** Walks an index in order, from its end, for a page. */
  readonly walks?: boolean;
}

const EXPECTATIONS: Record<keyof Statements, Expectation> & Record<string, Expectation> = {
  exchange: { params: SAMPLE_PARAMS.exchange, indexes: ['jobs_available_idx', ...JOB] },
  'exchange of nothing': { params: [...SAMPLE_PARAMS.exchange.slice(0, 5), ...NO_FINISHES, ...START, '{}'], indexes: ['jobs_available_idx', ...JOB] },
  exchangeRated: { params: SAMPLE_PARAMS.exchangeRated, indexes: ['jobs_available_idx', ...JOB] },
  finishJob: { params: SAMPLE_PARAMS.finishJob, indexes: JOB },
  rowFate: { params: SAMPLE_PARAMS.rowFate, indexes: JOB },
  requeue: { params: SAMPLE_PARAMS.requeue, indexes: JOB },
  progress: { params: SAMPLE_PARAMS.progress, indexes: JOB },
  rescue: { params: SAMPLE_PARAMS.rescue, indexes: JOB },
  patrol: { params: SAMPLE_PARAMS.patrol, indexes: [] },
  holdings: { params: SAMPLE_PARAMS.holdings, indexes: JOB },
  shelve: { params: SAMPLE_PARAMS.shelve, indexes: JOB },
  survey: { params: SAMPLE_PARAMS.survey, indexes: ['jobs_available_idx', 'jobs_due_idx'] },
  getJob: { params: SAMPLE_PARAMS.getJob, indexes: ['job_history_pkey', ...JOB] },
  findOldestJobs: { params: SAMPLE_PARAMS.findOldestJobs, indexes: ['job_history_pkey', ...JOB] },
  findNewestJobs: { params: SAMPLE_PARAMS.findNewestJobs, indexes: ['job_history_pkey', ...JOB], walks: true },
  cancelJob: { params: SAMPLE_PARAMS.cancelJob, indexes: JOB },
  moveJob: { params: SAMPLE_PARAMS.moveJob, indexes: JOB },
  retryJob: { params: SAMPLE_PARAMS.retryJob, indexes: ['job_history_pkey', ...JOB] },
  updateJob: { params: SAMPLE_PARAMS.updateJob, indexes: JOB },
  holdJob: { params: SAMPLE_PARAMS.holdJob, indexes: JOB },
  releaseJob: { params: SAMPLE_PARAMS.releaseJob, indexes: JOB },
  watchJob: { params: SAMPLE_PARAMS.watchJob, indexes: [] },
  pickLiveJobs: { params: SAMPLE_PARAMS.pickLiveJobs, indexes: JOB },
  pickFinishedJobs: { params: SAMPLE_PARAMS.pickFinishedJobs, indexes: ['job_history_pkey'] },
  cancelJobs: { params: SAMPLE_PARAMS.cancelJobs, indexes: JOB },
  holdJobs: { params: SAMPLE_PARAMS.holdJobs, indexes: JOB },
  releaseJobs: { params: SAMPLE_PARAMS.releaseJobs, indexes: JOB },
  updateJobs: { params: SAMPLE_PARAMS.updateJobs, indexes: JOB },
  moveJobs: { params: SAMPLE_PARAMS.moveJobs, indexes: JOB },
  retryJobs: { params: SAMPLE_PARAMS.retryJobs, indexes: ['job_history_pkey'] },
  insertJobs: { params: SAMPLE_PARAMS.insertJobs, indexes: [] },
  insertJobsOnce: { params: SAMPLE_PARAMS.insertJobsOnce, indexes: ['job_history_pkey'] },
  insertUnique: { params: SAMPLE_PARAMS.insertUnique, indexes: [] },
  sweepGroups: { params: SAMPLE_PARAMS.sweepGroups, indexes: [] },
  takeSlots: { params: SAMPLE_PARAMS.takeSlots, indexes: [] },
  insertReserved: { params: SAMPLE_PARAMS.insertReserved, indexes: [] },
  listInstances: { params: SAMPLE_PARAMS.listInstances, indexes: [], scans: ['jobs'] },
  countJobs: { params: SAMPLE_PARAMS.countJobs, indexes: [], scans: ['jobs'] },
  readConfigs: { params: SAMPLE_PARAMS.readConfigs, indexes: [] },
  createConfig: { params: SAMPLE_PARAMS.createConfig, indexes: [] },
  setConfig: { params: SAMPLE_PARAMS.setConfig, indexes: [] },
  updateConfig: { params: SAMPLE_PARAMS.updateConfig, indexes: [] },
  deleteConfig: { params: SAMPLE_PARAMS.deleteConfig, indexes: [] },
  register: { params: SAMPLE_PARAMS.register, indexes: [] },
  expire: { params: SAMPLE_PARAMS.expire, indexes: [] },
  renew: { params: SAMPLE_PARAMS.renew, indexes: [] },
  unregister: { params: SAMPLE_PARAMS.unregister, indexes: [] },
  prepareHistory: { params: SAMPLE_PARAMS.prepareHistory, indexes: [] },
  publishEvents: { params: SAMPLE_PARAMS.publishEvents, indexes: [] },
  expireHistory: { params: SAMPLE_PARAMS.expireHistory, indexes: [] },
};

/** 100,000 live jobs of every state in four queues, as many finished ones in every partition, and dead and living processes. */
const SEED = `
  INSERT INTO notify_queue.job_instances (id, host, pid, version, queues, started_at, heartbeat_at, expires_at)
    SELECT gen_random_uuid(), 'host', n, '1.0.0', '{mail}', now(), now(), now() + (n % 2 * 2 - 1) * interval '1 day'
    FROM generate_series(1, 20) n;
  INSERT INTO notify_queue.jobs (queue, name, priority, run_at, due_at, reserved_by, reserved_at, notify)
    SELECT (ARRAY['mail', 'report', 'import', 'rare'])[1 + least(n % 10, 3)], 'greet', n % 3, now(),
      CASE WHEN s.state = 'scheduled' THEN now() + (n % 1000 - 500) * interval '1 s' END, i.ids[1 + n % 20], CASE WHEN s.state = 'reserved' THEN now() END, false
    FROM generate_series(1, 100000) n
    CROSS JOIN LATERAL (SELECT (ARRAY['available', 'scheduled', 'reserved'])[1 + n % 7 % 3] AS state) s
    LEFT JOIN (SELECT array_agg(id) AS ids FROM notify_queue.job_instances) i ON s.state = 'reserved';
  INSERT INTO notify_queue.job_history (id, run_at, enqueued_at, finished_at, keep_until, reservation, attempt, crashes,
      priority, state, queue, name, payload)
    SELECT gen_random_uuid(), now(), now(), now(),
      CASE n % 45 WHEN 43 THEN 'infinity' WHEN 44 THEN now() + interval '1 year' ELSE now() + n % 45 * interval '1 day' END, 1, 1, 0, 0, 'completed', 'mail', 'greet', '{}'
    FROM generate_series(1, 100000) n;`;

async function seed(database: TestDatabase, before = ''): Promise<void> {
  await database.query(`SELECT notify_queue.history_prepare(array_agg(n * interval '1 day')) FROM generate_series(0, 39) n`);
  await database.query(`ALTER TABLE notify_queue.jobs SET (autovacuum_enabled = off); ${before}; ${SEED}`);
}

const ANALYZE = 'ANALYZE notify_queue.jobs, notify_queue.job_history, notify_queue.job_instances';

const STATISTICS: Record<string, (database: TestDatabase) => Promise<unknown>> = {
  'never analysed': (database) => seed(database),
  'analysed when it held 100 jobs of one state': (database) =>
    seed(
      database,
      `INSERT INTO notify_queue.jobs (queue, name, notify) SELECT 'mail', 'greet', false FROM generate_series(1, 100); ${ANALYZE}`,
    ),
  'analysed when it was empty': async (database) => {
    await database.query(`VACUUM ${ANALYZE}`);
    await seed(database);
  },
  analysed: async (database) => {
    await seed(database);
    await database.query(ANALYZE);
  },
};

describe.each(Object.keys(STATISTICS))('on 100,000 jobs, %s,', (statistics) => {
  let database: TestDatabase;
  let query: Query;

  beforeAll(async () => {
    database = await createTestDatabase();
    await STATISTICS[statistics]?.(database);
    query = await queryOn(database);
  });
  afterAll(() => database?.drop());

  describe.each(['force_generic_plan', 'auto'])('with plan_cache_mode %s,', (mode) => {
    // As our own sessions are set, and in 'auto' our transactions through a pooler.
    beforeAll(() => query(`SET plan_cache_mode = ${mode}; SET enable_seqscan = off; SET enable_nestloop = off`));

    // Searches are not prepared, so that each is planned for the criteria that it has. A plan for an array that is
    // known to be empty joins nothing, by whatever index.
    const unfit = mode === 'auto' ? 'exchange of nothing' : 'find';
    const expectations = Object.entries(EXPECTATIONS).filter(([name]) => !name.startsWith(unfit));

    it.each(expectations)('%s reads by its indexes', async (name, { params, indexes, scans = [], walks = false }) => {
      const statement = STATEMENTS[name.split(' ')[0] as keyof Statements];
      const plan = await explain(query, statement.text, params);
      if (!walks) expect(plan.scanned).toEqual(scans);
      expect(plan.indexes).toEqual(expect.arrayContaining([...indexes]));
      for (const condition of plan.conditionsOf('jobs_available_idx')) expect(condition).toContain('queue = ');
      for (const condition of plan.conditionsOf('jobs_due_idx')) expect(condition).toContain('queue = ');
    });

    it.each(['pickLiveJobs', 'pickFinishedJobs'] as const)('%s walks its index in order, so that its limit bounds what it reads', async (name) => {
      const statement = STATEMENTS[name];
      for (const setting of statement.planning ?? []) await query(`SET ${setting}`);
      const plan = await explain(query, statement.text, SAMPLE_PARAMS[name]);
      for (const setting of statement.planning ?? []) await query(`RESET ${setting.split(' ')[0]}`);
      expect(plan.kinds).not.toContain('Sort');
      expect(plan.kinds).not.toContain('Incremental Sort');
      expect(plan.kinds).not.toContain('Bitmap Heap Scan');
      expect(plan.kinds).toContain(name === 'pickLiveJobs' ? 'Index Scan' : 'Merge Append');
    });

    it('the reserve takes jobs in the order of the index', async () => {
      const plan = await explain(query, STATEMENTS.exchange.text, EXPECTATIONS.exchange.params);
      expect(plan.kindsIn('picked')).toContain('LockRows');
      expect(plan.kindsIn('picked')).not.toContain('Sort');
    });
  });
});

describe('on a connection of ours, planned while the tables were empty and kept when they had 100,000 jobs,', () => {
  it('no statement reads a table of jobs from end to end', async () => {
    const database = await createTestDatabase();
    const ours = new Database({ connection: { connectionString: database.url }, queryTimeoutMs: 30_000, onIdleError: () => undefined });
    ours.trustSessions();
    const onPurpose = (name: string): boolean => name.startsWith('find') || ['countJobs', 'listInstances'].includes(name);
    const expectations = Object.entries(EXPECTATIONS).filter(([name]) => !name.includes(' ') && !onPurpose(name));
    const scanned: string[] = [];
    await ours.withClient(async (query) => {
      for (const [name, { params }] of expectations) {
        await query(`PREPARE ${name} AS ${STATEMENTS[name as keyof Statements].text}`);
        await explainPrepared(query, name, params);
      }
      await seed(database);
      for (const [name, { params }] of expectations) {
        const plan = await explainPrepared(query, name, params);
        if (plan.scanned.length > 0) scanned.push(name);
      }
    });
    await ours.close();
    await database.drop();
    expect(scanned).toEqual([]);
  });
});

describe('retention', () => {
  const database = useTestDatabase();

  it('drops partitions and reads no row of the others', async () => {
    await seed(database);
    const client = await database.client();
    // Yesterday's partition, as the clock will make of today's; the default partition has one row past its time.
    await client.query(`SELECT notify_queue.history_prepare(ARRAY[interval '-1 day'])`);
    await client.query('BEGIN');
    const { rows } = await client.query(STATEMENTS.expireHistory.text);
    expect(rows).toEqual([{ dropped: 1 }]);
    const { rows: read } = await client.query(
      `SELECT relname FROM pg_stat_xact_user_tables WHERE schemaname = 'notify_queue' AND seq_tup_read > 0`,
    );
    expect(read).toEqual([{ relname: 'job_history_default' }]);
    await client.query('ROLLBACK');
  });
});

describe('a statement that waits for a row', () => {
  const database = useTestDatabase();
  let other: pg.Client;
  let id: string;

  beforeAll(async () => {
    other = await database.client();
  });

  beforeEach(async () => {
    const [row] = await database.query<{ id: string }>(
      `INSERT INTO notify_queue.jobs (name, reserved_by, reserved_at, reservation, attempt)
       VALUES ('greet', $1, now(), 1, 1) RETURNING id`,
      [ID],
    );
    id = row?.id ?? '';
  });

  /** Runs the statement while somebody else's write of the row is not yet committed. */
  async function runBeside(write: string, statement: { text: string }, params: unknown[]): Promise<unknown[]> {
    await other.query('BEGIN');
    await other.query(write, [id]);
    const running = database.query(statement.text, params);
    const isWaiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await until(async () => (await database.query(isWaiting)).length > 0);
    await other.query('COMMIT');
    return running;
  }

  const watch = STATEMENTS.watchJob.text;

  it('settles the job all the same', async () => {
    const finish = [[id], [1], null, ['1'], null, null, [60_000, 60_000, 60_000]];
    const rows = await runBeside(watch, STATEMENTS.exchange, ['default', 0, ID, [], [], ...finish, ...START, '{}']);
    expect(rows).toMatchObject([{ id: null, lost: null }]);
    expect(await database.query('SELECT state FROM notify_queue.all_jobs WHERE id = $1', [id])).toEqual([{ state: 'completed' }]);
  });

  it('puts the job back all the same', async () => {
    expect(await runBeside(watch, STATEMENTS.requeue, [[id], [1], [0], [1], [null], [null], [null], ID])).toEqual([]);
    expect(await database.query('SELECT state FROM notify_queue.jobs WHERE id = $1', [id])).toEqual([{ state: 'available' }]);
  });

  it('stores the progress all the same', async () => {
    await runBeside(watch, STATEMENTS.progress, [[id], [1], ['50'], ID]);
    expect(await database.query('SELECT progress FROM notify_queue.jobs WHERE id = $1', [id])).toEqual([{ progress: 50 }]);
  });

  it('refuses to put the job back when the write was a request to cancel it', async () => {
    const request = 'UPDATE notify_queue.jobs SET cancel_requested = true WHERE id = $1';
    const rows = await runBeside(request, STATEMENTS.requeue, [[id], [1], [0], [1], [null], [null], [null], ID]);
    expect(rows).toEqual([{ id, cancelled: 1 }]);
  });

  it('changes nothing when the write took the reservation away', async () => {
    const steal = 'UPDATE notify_queue.jobs SET reservation = 2 WHERE id = $1';
    const rows = await runBeside(steal, STATEMENTS.requeue, [[id], [1], [0], [1], [null], [null], [null], ID]);
    expect(rows).toEqual([{ id, cancelled: 0 }]);
    expect(await database.query('SELECT state FROM notify_queue.jobs WHERE id = $1', [id])).toEqual([{ state: 'reserved' }]);
  });
});
