import { beforeAll, describe, expect, it } from 'vitest';
import { PGBOUNCER_VERSION, PgBouncer } from '../../faults/pgbouncer.js';
import { useApps } from '../../support/apps.js';
import { ensureBuilt } from '../../support/build.js';
import { cliOn } from '../../support/cli.js';
import { useTestDatabase } from '../../support/database.js';
import { emptyDatabase, migrated } from '../../support/empty-database.js';
import { runNode } from '../../support/project.js';
import { handle } from '../../support/handlers.js';

interface Found {
  readonly check: string;
  readonly level: string;
  readonly text: string;
  readonly advice?: string;
}

describe('doctor', () => {
  const shared = useTestDatabase();
  const start = useApps(shared, { sweepInterval: '1m' });
  beforeAll(ensureBuilt, 120_000);

  async function examine(database: Parameters<typeof cliOn>[0], ...args: string[]): Promise<{ code: number; bad: Found[]; all: Found[] }> {
    const { code, json } = await cliOn(database)('doctor', '--json', ...args);
    expect(json.healthy).toBe(code === 0);
    return { code, all: json.findings, bad: json.findings.filter(({ level }: Found) => level !== 'ok') };
  }

  it('finds nothing wrong with a healthy queue', async () => {
    await start({ providers: [handle({ a: () => undefined })] });
    const { code, bad, all } = await examine(shared, '--strict');
    expect([code, bad]).toEqual([0, []]);
    expect(all.map(({ check }) => check)).toEqual(['server', 'clock', 'tables', 'notifications', 'vacuum', 'processes', 'jobs']);
    expect(all.find(({ check }) => check === 'notifications')!.text).toMatch(/^A notification arrived in \d+\.\d ms\.$/);
    const { stdout } = await cliOn(shared)('doctor');
    expect(stdout).toMatch(/^ok {6}server: PostgreSQL \d+/);
    expect(await shared.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'nq_doctor%'`)).toEqual([]);
  });

  it.each([
    ['DROP INDEX notify_queue.jobs_available_idx', 'The index jobs_available_idx is missing.'],
    ['ALTER TABLE notify_queue.jobs DISABLE TRIGGER jobs_inserted', /^The trigger jobs_\w+ of jobs is not as the migrations make it\.$/],
    ['ALTER TABLE notify_queue.jobs ALTER priority SET DEFAULT 5', 'The column jobs.priority is not as the migrations make it.'],
    ['DROP FUNCTION notify_queue.enqueue(text, jsonb, text, timestamptz, integer)', 'The function enqueue is missing.'],
    ['ALTER TABLE notify_queue.jobs ADD COLUMN mine int', 'The column jobs.mine is not of this package.'],
  ])('finds a drift: %s', async (sql, text) => {
    const database = await migrated();
    const [trigger] = await database.query(`SELECT tgname FROM pg_trigger WHERE tgrelid = 'notify_queue.jobs'::regclass AND NOT tgisinternal LIMIT 1`);
    await database.query(sql.replace('TRIGGER jobs_inserted', `TRIGGER ${trigger.tgname}`));
    const { bad } = await examine(database);
    expect(bad.filter(({ check }) => check === 'tables').map((finding) => finding.text)).toEqual([typeof text === 'string' ? text : expect.stringMatching(text)]);
  });

  it('compares schemas whose names need quotes or are long', async () => {
    const database = await emptyDatabase();
    for (const schema of [`Bob's "jobs"`, 'x'.repeat(60)]) {
      await cliOn(database)('migrate', '--schema', schema);
      expect((await examine(database, '--schema', schema)).bad.filter(({ check }) => check === 'tables')).toEqual([]);
    }
  });

  it('finds missing tables, queues that nobody runs, jobs that are due for long, and transactions that are open for long', async () => {
    const database = await emptyDatabase();
    expect(await examine(database)).toMatchObject({ code: 1, bad: [{ check: 'tables', level: 'problem', advice: 'Run `npx notify-queue migrate`.' }] });
    await cliOn(database)('migrate');
    expect(await examine(database)).toMatchObject({ code: 0, bad: [{ check: 'processes', level: 'warning', text: 'No process runs jobs.' }] });
    expect((await examine(database, '--strict')).code).toBe(1);
    await database.query(`INSERT INTO notify_queue.jobs (name, queue, run_at) VALUES ('a', 'typo', now() - interval '1 hour')`);
    await database.query(`INSERT INTO notify_queue.job_instances (id, host, pid, version, queues, started_at, heartbeat_at, expires_at)
      VALUES (gen_random_uuid(), 'there', 1, '1.0.0', '{mail}', now(), now(), now() + interval '1 hour'), (gen_random_uuid(), 'gone', 2, '1.0.0', '{mail}', now(), now(), now() - interval '1 hour')`);
    expect((await examine(database)).bad.map(({ text }) => text)).toEqual([
      'Process 2 on gone is silent.',
      "1 job of queue 'typo' waits, and no process runs that queue.",
    ]);
    await database.query(`UPDATE notify_queue.jobs SET queue = 'mail'`);
    expect((await examine(database)).bad.at(-1)!.text).toBe("1 job of queue 'mail' waits; the oldest has been due for 1h.");
    expect((await examine(database, '--max-due', '2h')).bad.map(({ check }) => check)).toEqual(['processes']);
    await cliOn(database)('queues', 'suspend');
    expect((await examine(database)).bad.at(-1)).toMatchObject({ level: 'warning', text: expect.stringContaining('because it is suspended') });
  });

  it('finds a pooler through which nothing is heard', async ({ skip }) => {
    if (!PGBOUNCER_VERSION) return skip('there is no pgbouncer on the PATH');
    const pgbouncer = await PgBouncer.forTest(shared.url);
    const { stdout } = await runNode('dist/lib/cli/main.js', ['doctor', '--url', pgbouncer.urlOf(shared.url), '--json']);
    const found: Found[] = JSON.parse(stdout).findings;
    expect(found.find(({ check }) => check === 'notifications')).toMatchObject({ level: 'problem', text: expect.stringContaining('pooler that shares its sessions') });
  });

  it('names who keeps dead rows', async () => {
    const client = await shared.client();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query('SELECT 1');
    expect((await examine(shared)).bad.filter(({ check }) => check === 'vacuum')).toEqual([]);
    const { bad } = await examine(shared, '--max-transaction', '1ms');
    expect(bad.find(({ check }) => check === 'vacuum')).toMatchObject({ level: 'warning', text: expect.stringMatching(/^Backend \d+ \(test\) has had a transaction open for \d+m?s: dead rows/) });
    await client.query('ROLLBACK');
  });

  it('says why it cannot look', async () => {
    const { code, stdout } = await runNode('dist/lib/cli/main.js', ['doctor', '--url', 'postgres://u:secret@127.0.0.1:1/shop', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ healthy: false, findings: [{ check: 'server', level: 'problem', text: expect.stringContaining('cannot be reached') }] });
    expect(stdout).not.toContain('secret');
  });
});
