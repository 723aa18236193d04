-- schema
SCHEMA Made by nestjs-notify-queue

-- relations
I job_history_pkey
S job_configs_revision
i job_configs_pkey
i job_history_default_pkey
i job_history_forever_pkey
i job_instances_pkey
i job_migrations_pkey
i jobs_available_idx
i jobs_due_idx
i jobs_pkey
p job_history RANGE (keep_until)
r job_configs
r job_history_default DEFAULT
r job_history_forever FOR VALUES FROM ('infinity') TO (MAXVALUE)
r job_instances {fillfactor=50}
r job_migrations
r jobs {fillfactor=45,autovacuum_vacuum_scale_factor=0.02,autovacuum_analyze_scale_factor=0.05}
v all_jobs

-- columns
all_jobs 01 id uuid
all_jobs 02 queue text
all_jobs 03 name text
all_jobs 04 payload jsonb
all_jobs 05 state text
all_jobs 06 priority smallint
all_jobs 07 run_at timestamp with time zone
all_jobs 08 attempt integer
all_jobs 09 crashes smallint
all_jobs 10 reserved_by uuid
all_jobs 11 reserved_at timestamp with time zone
all_jobs 12 enqueued_at timestamp with time zone
all_jobs 13 finished_at timestamp with time zone
all_jobs 14 progress jsonb
all_jobs 15 result jsonb
all_jobs 16 failure jsonb
all_jobs 17 options jsonb
job_configs 01 key text NOT NULL
job_configs 02 value text NOT NULL
job_configs 03 revision bigint NOT NULL DEFAULT 0
job_configs 04 created_at timestamp with time zone NOT NULL DEFAULT statement_timestamp()
job_configs 05 updated_at timestamp with time zone NOT NULL DEFAULT statement_timestamp()
job_history 01 run_at timestamp with time zone NOT NULL
job_history 02 enqueued_at timestamp with time zone NOT NULL
job_history 03 reserved_at timestamp with time zone
job_history 04 finished_at timestamp with time zone NOT NULL
job_history 05 keep_until timestamp with time zone NOT NULL
job_history 06 reservation bigint NOT NULL
job_history 07 attempt integer NOT NULL
job_history 08 crashes smallint NOT NULL
job_history 09 priority smallint NOT NULL
job_history 10 id uuid NOT NULL
job_history 11 reserved_by uuid
job_history 12 state text NOT NULL
job_history 13 queue text NOT NULL
job_history 14 name text NOT NULL
job_history 15 payload jsonb NOT NULL
job_history 16 options jsonb
job_history 17 failure jsonb
job_history 18 progress jsonb
job_history 19 result jsonb
job_history_default 01 run_at timestamp with time zone NOT NULL
job_history_default 02 enqueued_at timestamp with time zone NOT NULL
job_history_default 03 reserved_at timestamp with time zone
job_history_default 04 finished_at timestamp with time zone NOT NULL
job_history_default 05 keep_until timestamp with time zone NOT NULL
job_history_default 06 reservation bigint NOT NULL
job_history_default 07 attempt integer NOT NULL
job_history_default 08 crashes smallint NOT NULL
job_history_default 09 priority smallint NOT NULL
job_history_default 10 id uuid NOT NULL
job_history_default 11 reserved_by uuid
job_history_default 12 state text NOT NULL
job_history_default 13 queue text NOT NULL
job_history_default 14 name text NOT NULL
job_history_default 15 payload jsonb NOT NULL
job_history_default 16 options jsonb
job_history_default 17 failure jsonb
job_history_default 18 progress jsonb
job_history_default 19 result jsonb
job_history_forever 01 run_at timestamp with time zone NOT NULL
job_history_forever 02 enqueued_at timestamp with time zone NOT NULL
job_history_forever 03 reserved_at timestamp with time zone
job_history_forever 04 finished_at timestamp with time zone NOT NULL
job_history_forever 05 keep_until timestamp with time zone NOT NULL
job_history_forever 06 reservation bigint NOT NULL
job_history_forever 07 attempt integer NOT NULL
job_history_forever 08 crashes smallint NOT NULL
job_history_forever 09 priority smallint NOT NULL
job_history_forever 10 id uuid NOT NULL
job_history_forever 11 reserved_by uuid
job_history_forever 12 state text NOT NULL
job_history_forever 13 queue text NOT NULL
job_history_forever 14 name text NOT NULL
job_history_forever 15 payload jsonb NOT NULL
job_history_forever 16 options jsonb
job_history_forever 17 failure jsonb
job_history_forever 18 progress jsonb
job_history_forever 19 result jsonb
job_instances 01 id uuid NOT NULL
job_instances 02 host text NOT NULL
job_instances 03 pid integer NOT NULL
job_instances 04 version text NOT NULL
job_instances 05 queues text[] NOT NULL
job_instances 06 started_at timestamp with time zone NOT NULL
job_instances 07 heartbeat_at timestamp with time zone NOT NULL
job_instances 08 expires_at timestamp with time zone NOT NULL
job_migrations 01 version integer NOT NULL
job_migrations 02 name text NOT NULL
job_migrations 03 applied_at timestamp with time zone NOT NULL DEFAULT now()
jobs 01 run_at timestamp with time zone NOT NULL DEFAULT statement_timestamp()
jobs 02 enqueued_at timestamp with time zone NOT NULL DEFAULT statement_timestamp()
jobs 03 due_at timestamp with time zone
jobs 04 retry_at timestamp with time zone
jobs 05 id uuid NOT NULL DEFAULT gen_random_uuid()
jobs 06 crashes smallint NOT NULL DEFAULT 0
jobs 07 priority smallint NOT NULL DEFAULT 0
jobs 08 notify boolean NOT NULL DEFAULT true
jobs 09 watched boolean NOT NULL DEFAULT false
jobs 10 cancel_requested boolean NOT NULL DEFAULT false
jobs 11 reserved_at timestamp with time zone
jobs 12 reservation bigint NOT NULL DEFAULT 0
jobs 13 attempt integer NOT NULL DEFAULT 0
jobs 14 reserved_by uuid
jobs 15 state text NOT NULL DEFAULT 
CASE
    WHEN (reserved_by IS NOT NULL) THEN 'reserved'::text
    WHEN (due_at = 'infinity'::timestamp with time zone) THEN 'held'::text
    WHEN (due_at IS NOT NULL) THEN 'scheduled'::text
    ELSE 'available'::text
END
jobs 16 queue text NOT NULL DEFAULT 'default'::text
jobs 17 name text NOT NULL
jobs 18 payload jsonb NOT NULL DEFAULT 'null'::jsonb
jobs 19 options jsonb
jobs 20 failure_state jsonb
jobs 21 failure jsonb
jobs 22 progress jsonb

-- constraints
job_configs job_configs_key_check CHECK (((octet_length(key) >= 1) AND (octet_length(key) <= 200)))
job_configs job_configs_pkey PRIMARY KEY (key)
job_configs job_configs_value_check CHECK ((value ~ '[^[:space:]]'::text))
job_history job_history_pkey PRIMARY KEY (id, keep_until)
job_history job_history_state_check CHECK ((state = ANY (ARRAY['completed'::text, 'abandoned'::text, 'cancelled'::text])))
job_history_default job_history_default_pkey PRIMARY KEY (id, keep_until)
job_history_default job_history_state_check CHECK ((state = ANY (ARRAY['completed'::text, 'abandoned'::text, 'cancelled'::text])))
job_history_forever job_history_forever_pkey PRIMARY KEY (id, keep_until)
job_history_forever job_history_state_check CHECK ((state = ANY (ARRAY['completed'::text, 'abandoned'::text, 'cancelled'::text])))
job_instances job_instances_pkey PRIMARY KEY (id)
job_migrations job_migrations_pkey PRIMARY KEY (version)
jobs jobs_inserted TRIGGER DEFERRABLE INITIALLY DEFERRED
jobs jobs_pkey PRIMARY KEY (id)

-- indexes
CREATE INDEX jobs_available_idx ON SCHEMA.jobs USING btree (queue, priority, run_at, id) WHERE (due_at IS NULL)
CREATE INDEX jobs_due_idx ON SCHEMA.jobs USING btree (queue, due_at) WHERE (due_at IS NOT NULL)
CREATE UNIQUE INDEX job_configs_pkey ON SCHEMA.job_configs USING btree (key)
CREATE UNIQUE INDEX job_history_default_pkey ON SCHEMA.job_history_default USING btree (id, keep_until)
CREATE UNIQUE INDEX job_history_forever_pkey ON SCHEMA.job_history_forever USING btree (id, keep_until)
CREATE UNIQUE INDEX job_history_pkey ON ONLY SCHEMA.job_history USING btree (id, keep_until)
CREATE UNIQUE INDEX job_instances_pkey ON SCHEMA.job_instances USING btree (id)
CREATE UNIQUE INDEX job_migrations_pkey ON SCHEMA.job_migrations USING btree (version)
CREATE UNIQUE INDEX jobs_pkey ON SCHEMA.jobs USING btree (id)

-- triggers
CREATE CONSTRAINT TRIGGER jobs_inserted AFTER INSERT ON SCHEMA.jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.notify) EXECUTE FUNCTION SCHEMA.jobs_inserted() O
CREATE TRIGGER job_configs_changed AFTER INSERT OR DELETE OR UPDATE ON SCHEMA.job_configs FOR EACH ROW EXECUTE FUNCTION SCHEMA.job_configs_changed() O
CREATE TRIGGER job_configs_revise BEFORE INSERT OR UPDATE ON SCHEMA.job_configs FOR EACH ROW EXECUTE FUNCTION SCHEMA.job_configs_revise() O
CREATE TRIGGER job_configs_revise_again AFTER INSERT OR UPDATE OF key ON SCHEMA.job_configs FOR EACH ROW EXECUTE FUNCTION SCHEMA.job_configs_revise() O
CREATE TRIGGER job_configs_truncated AFTER TRUNCATE ON SCHEMA.job_configs FOR EACH STATEMENT EXECUTE FUNCTION SCHEMA.job_configs_changed() O

-- views
all_jobs  SELECT id,
    queue,
    name,
    payload,
    state,
    priority,
    COALESCE(retry_at, run_at) AS run_at,
    attempt,
    crashes,
    reserved_by,
    reserved_at,
    enqueued_at,
    NULL::timestamp with time zone AS finished_at,
    progress,
    NULL::jsonb AS result,
    failure,
    options
   FROM SCHEMA.jobs
UNION ALL
 SELECT id,
    queue,
    name,
    payload,
    state,
    priority,
    run_at,
    attempt,
    crashes,
    reserved_by,
    reserved_at,
    enqueued_at,
    finished_at,
    progress,
    result,
    failure,
    options
   FROM SCHEMA.job_history;

-- sequences
job_configs_revision bigint 1 1 9007199254740991 f

-- functions
CREATE OR REPLACE FUNCTION SCHEMA.enqueue(name text, payload jsonb DEFAULT 'null'::jsonb, queue text DEFAULT 'default'::text, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, priority integer DEFAULT 0)
 RETURNS uuid
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  INSERT INTO SCHEMA.jobs (queue, name, payload, priority, run_at, due_at)
  SELECT enqueue.queue, enqueue.name, enqueue.payload, enqueue.priority::smallint,
    COALESCE(enqueue.run_at, statement_timestamp()),
    CASE WHEN enqueue.run_at > statement_timestamp() THEN enqueue.run_at END
  RETURNING id;
$function$

CREATE OR REPLACE FUNCTION SCHEMA.history_expire()
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '500ms'
AS $function$
DECLARE
  partition text;
  dropped integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('notify-queue history ' || E'SCHEMA', 0));
  FOR partition IN
    SELECT child.relname FROM pg_inherits
    JOIN pg_class child ON child.oid = inhrelid
    WHERE inhparent = format('%I.job_history', E'SCHEMA')::regclass
      AND child.relname ~ '^job_history_[0-9]{8}$'
      AND to_date(substr(child.relname, 13), 'YYYYMMDD') < (now() AT TIME ZONE 'UTC')::date
  LOOP
    BEGIN
      EXECUTE format('DROP TABLE %I.%I', E'SCHEMA', partition);
      dropped := dropped + 1;
    EXCEPTION WHEN lock_not_available THEN
      RAISE NOTICE 'partition % not dropped: %', partition, SQLERRM;
    END;
  END LOOP;
  DELETE FROM SCHEMA.job_history_default WHERE keep_until < now();
  RETURN dropped;
END $function$
 {owner=X/owner}
CREATE OR REPLACE FUNCTION SCHEMA.history_prepare(retentions interval[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '500ms'
AS $function$
DECLARE
  day date;
  partition text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('notify-queue history ' || E'SCHEMA', 0));
  FOR day IN
    SELECT DISTINCT ((now() + retention) AT TIME ZONE 'UTC')::date + ahead
    FROM unnest(retentions) AS retention, generate_series(0, 3) AS ahead
  LOOP
    partition := 'job_history_' || to_char(day, 'YYYYMMDD');
    CONTINUE WHEN to_regclass(format('%I.%I', E'SCHEMA', partition)) IS NOT NULL;
    BEGIN
      EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE %1$I.job_history INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        E'SCHEMA', partition);
      EXECUTE format('ALTER TABLE %1$I.job_history ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%3$L) TO (%4$L)',
        E'SCHEMA', partition, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
    EXCEPTION WHEN lock_not_available OR check_violation THEN
      -- Somebody reads the history, or the default partition holds rows of that day: they stay there.
      RAISE NOTICE 'partition % not prepared: %', partition, SQLERRM;
    END;
  END LOOP;
END $function$
 {owner=X/owner}
CREATE OR REPLACE FUNCTION SCHEMA.job_configs_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    PERFORM pg_notify(E'SCHEMA.configs', '');
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM pg_notify(E'SCHEMA.configs', OLD.key);
  ELSE
    PERFORM pg_notify(E'SCHEMA.configs', NEW.key);
    IF TG_OP = 'UPDATE' AND OLD.key <> NEW.key THEN
      PERFORM pg_notify(E'SCHEMA.configs', OLD.key);
    END IF;
  END IF;
  RETURN NULL;
END $function$

CREATE OR REPLACE FUNCTION SCHEMA.job_configs_revise()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  IF TG_WHEN = 'AFTER' THEN
    UPDATE SCHEMA.job_configs SET value = value
    WHERE key = NEW.key AND revision < (SELECT last_value FROM SCHEMA.job_configs_revision);
    RETURN NULL;
  END IF;
  NEW.revision := nextval(format('%I.job_configs_revision', E'SCHEMA')::regclass);
  NEW.updated_at := statement_timestamp();
  RETURN NEW;
END $function$

CREATE OR REPLACE FUNCTION SCHEMA.jobs_inserted()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  -- Workers look for due times at least every minute, so what is due later tells nobody.
  IF NEW.due_at IS NULL OR NEW.due_at <= clock_timestamp() + interval '1 minute' THEN
    IF pg_try_advisory_xact_lock(hashtextextended('notify-queue ' || E'SCHEMA' || ' ' || NEW.queue, 0)) THEN
      PERFORM pg_notify(E'SCHEMA.jobs', NEW.queue);
    END IF;
  END IF;
  RETURN NULL;
END $function$

CREATE OR REPLACE FUNCTION SCHEMA.take_back_repeated(ids uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  DELETE FROM SCHEMA.jobs j
  WHERE j.id = ANY (ids) AND EXISTS (SELECT FROM SCHEMA.job_history h WHERE h.id = j.id OFFSET 0);
END $function$

CREATE OR REPLACE FUNCTION SCHEMA.wake_queue(queue text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  IF pg_try_advisory_xact_lock(hashtextextended('notify-queue ' || E'SCHEMA' || ' ' || queue, 0)) THEN
    PERFORM pg_notify(E'SCHEMA.jobs', queue);
  END IF;
END $function$

