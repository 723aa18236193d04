// What the benchmark does to the tables of this package behind its back.

const SCHEMA = 'notify_queue';
const FINISHED = {
  id: `('00000000-0000-7' || substr(md5(n::text), 1, 3) || '-8' || substr(md5(n::text), 4, 3) || '-' || lpad(to_hex(n), 12, '0'))::uuid`,
  keep_until: `now() + interval '1 hour' + n * interval '6 days' / $1`,
};

/**
 * Replaces the trigger that wakes the workers, to see what it costs: by nothing, or by one that
 * notifies at each insert.
 *
 * @param {import('typeorm').DataSource} dataSource
 * @param {'none' | 'plain'} kind
 */
export async function replaceTrigger(dataSource, kind) {
  await dataSource.query(`ALTER TABLE ${SCHEMA}.jobs DISABLE TRIGGER USER`);
  if (kind === 'none') return;
  await dataSource.query(`
    CREATE FUNCTION plain_notify() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_notify('plain_jobs', NEW.queue);
      RETURN NULL;
    END $$;
    CREATE TRIGGER plain_notify AFTER INSERT ON ${SCHEMA}.jobs FOR EACH ROW EXECUTE FUNCTION plain_notify()`);
}

/**
 * Copies one of the finished jobs that are there, with ids that ascend and over the days that finished
 * jobs are kept for.
 *
 * @param {import('typeorm').DataSource} dataSource
 * @param {number} jobs
 */
export async function fillHistory(dataSource, jobs) {
  const days = Array.from({ length: 8 }, (_, day) => `${day} days`);
  await dataSource.query(`SELECT ${SCHEMA}.history_prepare($1::interval[])`, [days]);
  const columns = await dataSource.query(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = '${SCHEMA}.job_history'::regclass AND attnum > 0 AND NOT attisdropped`,
  );
  const names = columns.map(({ name }) => name);
  const values = names.map((name) => FINISHED[name] ?? `sample.${name}`);
  await dataSource.query(
    `INSERT INTO ${SCHEMA}.job_history (${names.join(', ')})
     SELECT ${values.join(', ')}
     FROM (SELECT * FROM ${SCHEMA}.job_history LIMIT 1) AS sample, generate_series(1, $1::integer) AS n`,
    [jobs],
  );
}

/** Jobs of two groups with one slot each, which a job has that is to be repeated tomorrow. */
export async function blockGroups(dataSource, queue, jobs) {
  await dataSource.query(
    `INSERT INTO notify_queue.jobs (queue, name, group_key, blocked, slot, run_at, due_at, payload, notify)
     SELECT $1, $1 || '.job', 'full-' || n % 2, n > 2, CASE WHEN n <= 2 THEN false END, now() - interval '1 hour',
       CASE WHEN n <= 2 THEN now() + interval '1 day' ELSE 'infinity' END, '{"n": -1}', false
     FROM generate_series(1, $2::int) n`,
    [queue, jobs],
  );
  await dataSource.query(`INSERT INTO notify_queue.job_groups (queue, key, running) VALUES ($1, 'full-0', 1), ($1, 'full-1', 1)`, [queue]);
}
