import { configs } from './0001-initial-configs.js';
import { groups } from './0001-initial-groups.js';
import { limits } from './0001-initial-limits.js';
import { unique } from './0001-initial-unique.js';
import { watch } from './0001-initial-watch.js';
import type { MigrationScript, Names } from './migration-script.js';

/** The first version. Functions are replaced if they exist: TypeORM's `dropSchema` leaves them. */
export const initial: MigrationScript = {
  version: 1,
  name: 'NotifyQueueInitial1764000000000',
  up: (names) => [jobs(names), history(names), configs(names), instances(names), wakeUps(names), groups(names), limits(names), unique(names), watch(names)].join('\n'),
  down: ({ schema }) => `
DROP VIEW ${schema}.all_jobs;
DROP TABLE ${schema}.jobs, ${schema}.job_history, ${schema}.job_configs, ${schema}.job_instances, ${schema}.job_groups, ${schema}.job_keys, ${schema}.job_slots;
DROP FUNCTION ${schema}.enqueue(text, jsonb, text, timestamptz, integer), ${schema}.wake_queue(text),
  ${schema}.jobs_inserted(), ${schema}.job_configs_revise(), ${schema}.job_configs_changed(),
  ${schema}.history_prepare(interval[]), ${schema}.history_expire(), ${schema}.take_back_repeated(uuid[]),
  ${schema}.group_pull(text, text[], text[]), ${schema}.group_leave(text, text[], integer[], text[]),
  ${schema}.group_admit(text, uuid[], text[], integer[], smallint[], timestamptz[], jsonb, text[]),
  ${schema}.group_admit_lone(text, uuid[], text[], jsonb),
  ${schema}.rate_take(text, integer, double precision, integer), ${schema}.rate_left(text, integer),
  ${schema}.watch_job(uuid), ${schema}.group_sweep(text, text, integer, jsonb), ${schema}.group_look(text),
  ${schema}.slots_take(text, uuid, integer, integer, integer), ${schema}.unique_claim(text, uuid, double precision),
  ${schema}.unique_conflict(uuid, text, text, uuid, text, text, jsonb, jsonb, smallint, timestamptz, text);
`,
};

/**
 * Live jobs only. No index mentions a column that the reserve writes, and more than half of each page is kept free,
 * so a reserve writes to no index (a heap-only tuple). What two versions of a row have in common at
 * both ends is not logged again, so columns that change stand in the middle. `due_at` is the instant until
 * which reserves pass a job by: of its first run, of a retry, or infinity while a long run or somebody holds it, or its
 * group is full (`blocked`). `slot` says that the job holds one of its group, and false that it still needs a token. Unique
 * keys stand for every unfinished state, so that no transition can collide.
 */
const jobs = ({ schema }: Names): string => `
CREATE TABLE ${schema}.jobs (
  run_at timestamptz NOT NULL DEFAULT statement_timestamp(),
  enqueued_at timestamptz NOT NULL DEFAULT statement_timestamp(),
  due_at timestamptz,
  retry_at timestamptz,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  crashes smallint NOT NULL DEFAULT 0,
  priority smallint NOT NULL DEFAULT 0,
  notify boolean NOT NULL DEFAULT true,
  watched boolean NOT NULL DEFAULT false,
  cancel_requested boolean NOT NULL DEFAULT false,
  blocked boolean NOT NULL DEFAULT false,
  slot boolean,
  reserved_at timestamptz,
  reservation bigint NOT NULL DEFAULT 0,
  attempt integer NOT NULL DEFAULT 0,
  reserved_by uuid,
  state text NOT NULL GENERATED ALWAYS AS (
    CASE WHEN reserved_by IS NOT NULL THEN 'reserved' WHEN blocked THEN 'blocked' WHEN due_at = 'infinity' THEN 'held' WHEN due_at IS NOT NULL THEN 'scheduled' ELSE 'available' END
  ) STORED,
  queue text NOT NULL DEFAULT 'default',
  name text NOT NULL,
  group_key text COLLATE "C",
  unique_key text,
  payload jsonb NOT NULL DEFAULT 'null',
  options jsonb,
  failure_state jsonb,
  failure jsonb,
  progress jsonb,
  CONSTRAINT jobs_pkey PRIMARY KEY (id),
  CONSTRAINT jobs_group_check CHECK (group_key <> '')
) WITH (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX jobs_available_idx ON ${schema}.jobs (queue, priority, run_at, id) WHERE due_at IS NULL;
CREATE INDEX jobs_due_idx ON ${schema}.jobs (queue, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_group_idx ON ${schema}.jobs (group_key, queue, priority, run_at, id) WHERE group_key IS NOT NULL;
CREATE INDEX jobs_blocked_idx ON ${schema}.jobs (queue, group_key) WHERE blocked;
CREATE UNIQUE INDEX jobs_unique_idx ON ${schema}.jobs (unique_key) WHERE unique_key IS NOT NULL;
`;

/**
 * Finished jobs, in partitions of a day by the instant until which each is kept: retention drops
 * whole partitions, whatever retention each queue and outcome has. Rows to be kept for ever have a
 * partition of their own; the default partition only catches what no partition was prepared for.
 */
const history = ({ schema, schemaLiteral }: Names): string => `
CREATE TABLE ${schema}.job_history (
  run_at timestamptz NOT NULL,
  enqueued_at timestamptz NOT NULL,
  reserved_at timestamptz,
  finished_at timestamptz NOT NULL,
  keep_until timestamptz NOT NULL,
  reservation bigint NOT NULL,
  attempt integer NOT NULL,
  crashes smallint NOT NULL,
  priority smallint NOT NULL,
  id uuid NOT NULL,
  reserved_by uuid,
  state text NOT NULL,
  queue text NOT NULL,
  name text NOT NULL,
  group_key text,
  payload jsonb NOT NULL,
  options jsonb,
  failure jsonb,
  progress jsonb,
  result jsonb,
  CONSTRAINT job_history_pkey PRIMARY KEY (id, keep_until),
  CONSTRAINT job_history_state_check CHECK (state IN ('completed', 'abandoned', 'cancelled'))
) PARTITION BY RANGE (keep_until);
CREATE TABLE ${schema}.job_history_default PARTITION OF ${schema}.job_history DEFAULT;
CREATE TABLE ${schema}.job_history_forever PARTITION OF ${schema}.job_history
  FOR VALUES FROM ('infinity') TO (MAXVALUE);

CREATE VIEW ${schema}.all_jobs AS
  SELECT id, queue, name, payload, state, priority,
    COALESCE(retry_at, run_at) AS run_at, attempt, crashes,
    reserved_by, reserved_at, enqueued_at, NULL::timestamptz AS finished_at, progress, NULL::jsonb AS result, failure, options, group_key
  FROM ${schema}.jobs
  UNION ALL
  SELECT id, queue, name, payload, state, priority, run_at, attempt, crashes,
    reserved_by, reserved_at, enqueued_at, finished_at, progress, result, failure, options, group_key
  FROM ${schema}.job_history;

-- Called by whoever has just stored jobs under ids that may have been there before: takes back those that finished
-- meanwhile. Its snapshot is newer than that of the insert, which waited for the end of the earlier row.
CREATE OR REPLACE FUNCTION ${schema}.take_back_repeated(ids uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM ${schema}.jobs j
  WHERE j.id = ANY (ids) AND EXISTS (SELECT FROM ${schema}.job_history h WHERE h.id = j.id OFFSET 0);
END $$;

CREATE OR REPLACE FUNCTION ${schema}.history_prepare(retentions interval[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
  day date;
  partition text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('notify-queue history ' || ${schemaLiteral}, 0));
  FOR day IN
    SELECT DISTINCT ((now() + retention) AT TIME ZONE 'UTC')::date + ahead
    FROM unnest(retentions) AS retention, generate_series(0, 3) AS ahead
  LOOP
    partition := 'job_history_' || to_char(day, 'YYYYMMDD');
    CONTINUE WHEN to_regclass(format('%I.%I', ${schemaLiteral}, partition)) IS NOT NULL;
    BEGIN
      EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE %1$I.job_history INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        ${schemaLiteral}, partition);
      EXECUTE format('ALTER TABLE %1$I.job_history ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%3$L) TO (%4$L)',
        ${schemaLiteral}, partition, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
    EXCEPTION WHEN lock_not_available OR check_violation THEN
      -- Somebody reads the history, or the default partition holds rows of that day: they stay there.
      RAISE NOTICE 'partition % not prepared: %', partition, SQLERRM;
    END;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION ${schema}.history_expire() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
  partition text;
  dropped integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('notify-queue history ' || ${schemaLiteral}, 0));
  FOR partition IN
    SELECT child.relname FROM pg_inherits
    JOIN pg_class child ON child.oid = inhrelid
    WHERE inhparent = format('%I.job_history', ${schemaLiteral})::regclass
      AND child.relname ~ '^job_history_[0-9]{8}$'
      AND to_date(substr(child.relname, 13), 'YYYYMMDD') < (now() AT TIME ZONE 'UTC')::date
  LOOP
    BEGIN
      EXECUTE format('DROP TABLE %I.%I', ${schemaLiteral}, partition);
      dropped := dropped + 1;
    EXCEPTION WHEN lock_not_available THEN
      RAISE NOTICE 'partition % not dropped: %', partition, SQLERRM;
    END;
  END LOOP;
  DELETE FROM ${schema}.job_history_default WHERE keep_until < now();
  DELETE FROM ${schema}.job_keys WHERE expires_at < now();
  RETURN dropped;
END $$;
REVOKE ALL ON FUNCTION ${schema}.history_prepare(interval[]), ${schema}.history_expire() FROM PUBLIC;
`;

/** One row a process: the leases of its jobs hang on it. */
const instances = ({ schema }: Names): string => `
CREATE TABLE ${schema}.job_instances (
  id uuid NOT NULL,
  host text NOT NULL,
  pid integer NOT NULL,
  version text NOT NULL,
  queues text[] NOT NULL,
  started_at timestamptz NOT NULL,
  heartbeat_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT job_instances_pkey PRIMARY KEY (id)
) WITH (fillfactor = 50);
`;

/**
 * Waking workers. A notification takes a database-wide lock at commit, so only one of the
 * transactions that commit at about the same time sends one: whoever gets the queue's advisory
 * lock. The others rely on it, and the woken worker looks again a little later for what they commit.
 */
const wakeUps = ({ schema, schemaLiteral, channels }: Names): string => `
CREATE OR REPLACE FUNCTION ${schema}.wake_queue(queue text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF pg_try_advisory_xact_lock(hashtextextended('notify-queue ' || ${schemaLiteral} || ' ' || queue, 0)) THEN
    PERFORM pg_notify(${channels.jobs}, queue);
  END IF;
END $$;

CREATE OR REPLACE FUNCTION ${schema}.jobs_inserted() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Workers look for due times at least every minute, so what is due later tells nobody.
  IF NEW.due_at IS NULL OR NEW.due_at <= clock_timestamp() + interval '1 minute' THEN
    IF pg_try_advisory_xact_lock(hashtextextended('notify-queue ' || ${schemaLiteral} || ' ' || NEW.queue, 0)) THEN
      PERFORM pg_notify(${channels.jobs}, NEW.queue);
    END IF;
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER jobs_inserted AFTER INSERT ON ${schema}.jobs
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.notify) EXECUTE FUNCTION ${schema}.jobs_inserted();

CREATE OR REPLACE FUNCTION ${schema}.enqueue(
  name text, payload jsonb DEFAULT 'null', queue text DEFAULT 'default',
  run_at timestamptz DEFAULT NULL, priority integer DEFAULT 0
) RETURNS uuid LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO ${schema}.jobs (queue, name, payload, priority, run_at, due_at)
  SELECT enqueue.queue, enqueue.name, enqueue.payload, enqueue.priority::smallint,
    COALESCE(enqueue.run_at, statement_timestamp()),
    CASE WHEN enqueue.run_at > statement_timestamp() THEN enqueue.run_at END
  RETURNING id;
$$;
`;
