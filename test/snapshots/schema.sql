-- schema
SCHEMA Made by nestjs-notify-queue

-- relations
I job_history_pkey
S job_configs_revision
i job_configs_pkey
i job_groups_look_idx
i job_groups_pkey
i job_history_default_pkey
i job_history_forever_pkey
i job_instances_pkey
i job_keys_expires_idx
i job_keys_pkey
i job_migrations_pkey
i job_slots_pkey
i jobs_available_idx
i jobs_blocked_idx
i jobs_due_idx
i jobs_group_idx
i jobs_pkey
i jobs_unique_idx
p job_history RANGE (keep_until)
r job_configs
r job_groups {fillfactor=50,autovacuum_vacuum_scale_factor=0.02}
r job_history_default DEFAULT
r job_history_forever FOR VALUES FROM ('infinity') TO (MAXVALUE)
r job_instances {fillfactor=50}
r job_keys
r job_migrations
r job_slots {fillfactor=50}
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
all_jobs 18 group_key text
job_configs 01 key text NOT NULL
job_configs 02 value text NOT NULL
job_configs 03 revision bigint NOT NULL DEFAULT 0
job_configs 04 created_at timestamp with time zone NOT NULL DEFAULT statement_timestamp()
job_configs 05 updated_at timestamp with time zone NOT NULL DEFAULT statement_timestamp()
job_groups 01 queue text NOT NULL
job_groups 02 key text NOT NULL
job_groups 03 concurrency integer NOT NULL DEFAULT 1
job_groups 04 running integer NOT NULL DEFAULT 0
job_groups 05 rate double precision
job_groups 06 burst integer
job_groups 07 tokens double precision NOT NULL DEFAULT 0
job_groups 08 refilled_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
job_groups 09 leader_due_at timestamp with time zone
job_groups 10 look_at timestamp with time zone
job_groups 11 touched_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
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
job_history 15 group_key text
job_history 16 payload jsonb NOT NULL
job_history 17 options jsonb
job_history 18 failure jsonb
job_history 19 progress jsonb
job_history 20 result jsonb
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
job_history_default 15 group_key text
job_history_default 16 payload jsonb NOT NULL
job_history_default 17 options jsonb
job_history_default 18 failure jsonb
job_history_default 19 progress jsonb
job_history_default 20 result jsonb
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
job_history_forever 15 group_key text
job_history_forever 16 payload jsonb NOT NULL
job_history_forever 17 options jsonb
job_history_forever 18 failure jsonb
job_history_forever 19 progress jsonb
job_history_forever 20 result jsonb
job_instances 01 id uuid NOT NULL
job_instances 02 host text NOT NULL
job_instances 03 pid integer NOT NULL
job_instances 04 version text NOT NULL
job_instances 05 queues text[] NOT NULL
job_instances 06 started_at timestamp with time zone NOT NULL
job_instances 07 heartbeat_at timestamp with time zone NOT NULL
job_instances 08 expires_at timestamp with time zone NOT NULL
job_keys 01 key text NOT NULL
job_keys 02 job_id uuid NOT NULL
job_keys 03 expires_at timestamp with time zone NOT NULL
job_migrations 01 version integer NOT NULL
job_migrations 02 name text NOT NULL
job_migrations 03 applied_at timestamp with time zone NOT NULL DEFAULT now()
job_slots 01 queue text NOT NULL
job_slots 02 instance_id uuid NOT NULL
job_slots 03 slots integer NOT NULL
job_slots 04 starved boolean NOT NULL
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
jobs 11 blocked boolean NOT NULL DEFAULT false
jobs 12 slot boolean
jobs 13 reserved_at timestamp with time zone
jobs 14 reservation bigint NOT NULL DEFAULT 0
jobs 15 attempt integer NOT NULL DEFAULT 0
jobs 16 reserved_by uuid
jobs 17 state text NOT NULL DEFAULT 
CASE
    WHEN (reserved_by IS NOT NULL) THEN 'reserved'::text
    WHEN blocked THEN 'blocked'::text
    WHEN (due_at = 'infinity'::timestamp with time zone) THEN 'held'::text
    WHEN (due_at IS NOT NULL) THEN 'scheduled'::text
    ELSE 'available'::text
END
jobs 18 queue text NOT NULL DEFAULT 'default'::text
jobs 19 name text NOT NULL
jobs 20 group_key text
jobs 21 unique_key text
jobs 22 payload jsonb NOT NULL DEFAULT 'null'::jsonb
jobs 23 options jsonb
jobs 24 failure_state jsonb
jobs 25 failure jsonb
jobs 26 progress jsonb

-- constraints
job_configs job_configs_key_check CHECK (((octet_length(key) >= 1) AND (octet_length(key) <= 200)))
job_configs job_configs_pkey PRIMARY KEY (key)
job_configs job_configs_value_check CHECK ((value ~ '[^[:space:]]'::text))
job_groups job_groups_pkey PRIMARY KEY (key, queue)
job_history job_history_pkey PRIMARY KEY (id, keep_until)
job_history job_history_state_check CHECK ((state = ANY (ARRAY['completed'::text, 'abandoned'::text, 'cancelled'::text])))
job_history_default job_history_default_pkey PRIMARY KEY (id, keep_until)
job_history_default job_history_state_check CHECK ((state = ANY (ARRAY['completed'::text, 'abandoned'::text, 'cancelled'::text])))
job_history_forever job_history_forever_pkey PRIMARY KEY (id, keep_until)
job_history_forever job_history_state_check CHECK ((state = ANY (ARRAY['completed'::text, 'abandoned'::text, 'cancelled'::text])))
job_instances job_instances_pkey PRIMARY KEY (id)
job_keys job_keys_pkey PRIMARY KEY (key)
job_migrations job_migrations_pkey PRIMARY KEY (version)
job_slots job_slots_pkey PRIMARY KEY (queue, instance_id)
jobs jobs_group_check CHECK ((group_key <> ''::text))
jobs jobs_inserted TRIGGER DEFERRABLE INITIALLY DEFERRED
jobs jobs_pkey PRIMARY KEY (id)

-- indexes
CREATE INDEX job_groups_look_idx ON SCHEMA.job_groups USING btree (queue, look_at) WHERE (look_at IS NOT NULL)
CREATE INDEX job_keys_expires_idx ON SCHEMA.job_keys USING btree (expires_at)
CREATE INDEX jobs_available_idx ON SCHEMA.jobs USING btree (queue, priority, run_at, id) WHERE (due_at IS NULL)
CREATE INDEX jobs_blocked_idx ON SCHEMA.jobs USING btree (queue, group_key) WHERE blocked
CREATE INDEX jobs_due_idx ON SCHEMA.jobs USING btree (queue, due_at) WHERE (due_at IS NOT NULL)
CREATE INDEX jobs_group_idx ON SCHEMA.jobs USING btree (group_key, queue, priority, run_at, id) WHERE (group_key IS NOT NULL)
CREATE UNIQUE INDEX job_configs_pkey ON SCHEMA.job_configs USING btree (key)
CREATE UNIQUE INDEX job_groups_pkey ON SCHEMA.job_groups USING btree (key, queue)
CREATE UNIQUE INDEX job_history_default_pkey ON SCHEMA.job_history_default USING btree (id, keep_until)
CREATE UNIQUE INDEX job_history_forever_pkey ON SCHEMA.job_history_forever USING btree (id, keep_until)
CREATE UNIQUE INDEX job_history_pkey ON ONLY SCHEMA.job_history USING btree (id, keep_until)
CREATE UNIQUE INDEX job_instances_pkey ON SCHEMA.job_instances USING btree (id)
CREATE UNIQUE INDEX job_keys_pkey ON SCHEMA.job_keys USING btree (key)
CREATE UNIQUE INDEX job_migrations_pkey ON SCHEMA.job_migrations USING btree (version)
CREATE UNIQUE INDEX job_slots_pkey ON SCHEMA.job_slots USING btree (queue, instance_id)
CREATE UNIQUE INDEX jobs_pkey ON SCHEMA.jobs USING btree (id)
CREATE UNIQUE INDEX jobs_unique_idx ON SCHEMA.jobs USING btree (unique_key) WHERE (unique_key IS NOT NULL)

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
    options,
    group_key
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
    options,
    group_key
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

CREATE OR REPLACE FUNCTION SCHEMA.group_admit(of_queue text, ids uuid[], keys text[], owns integer[], priorities smallint[], run_ats timestamp with time zone[], policy jsonb, names text[])
 RETURNS uuid[]
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
  -- As in group_pull.
  moment timestamptz := clock_timestamp();
  last record;
  lone uuid[];
  granted uuid[];
  full_keys text[];
  free_keys text[];
BEGIN
  IF policy - 'concurrency' = '{}' AND 0 = ALL (owns) THEN
    lone := SCHEMA.group_admit_lone(of_queue, ids, keys, policy);
    IF cardinality(lone) = cardinality(ids) THEN RETURN lone; END IF;
    IF lone <> '{}' THEN
      SELECT array_agg(a.id ORDER BY a.n), array_agg(a.key ORDER BY a.n), array_agg(0), array_agg(a.priority ORDER BY a.n), array_agg(a.run_at ORDER BY a.n)
      INTO ids, keys, owns, priorities, run_ats
      FROM unnest(ids, keys, priorities, run_ats) WITH ORDINALITY AS a (id, key, priority, run_at, n) WHERE a.id <> ALL (lone);
    END IF;
  END IF;
  WITH wanted AS MATERIALIZED (
    SELECT w.key, COALESCE((p.own ->> 'concurrency')::int, (CASE WHEN ascii(w.key) <> 1 THEN policy ->> 'concurrency' END)::int, 1) AS concurrency,
      COALESCE(p.own ->> 'rate', CASE WHEN ascii(w.key) <> 1 THEN policy ->> 'rate' END)::float8 AS rate, COALESCE(p.own ->> 'burst', CASE WHEN ascii(w.key) <> 1 THEN policy ->> 'burst' END)::int AS burst
    FROM (SELECT DISTINCT u AS key FROM unnest(keys) AS u) w, LATERAL (SELECT policy -> 'groups' -> w.key AS own OFFSET 0) p
  ), ranked AS MATERIALIZED (
    SELECT a.*, row_number() OVER (PARTITION BY a.key ORDER BY a.own DESC, a.place) AS token_rank,
      count(*) FILTER (WHERE a.own = 0) OVER (PARTITION BY a.key ORDER BY a.own DESC, a.place) AS slot_rank
    FROM unnest(ids, keys, owns, priorities, run_ats) WITH ORDINALITY AS a (id, key, own, priority, run_at, place)
  ), asked AS MATERIALIZED (
    -- Where one job runs at a time, none comes before an earlier one that another worker looks at just now.
    SELECT r.id, r.key, r.own = 1 AS own, r.token_rank, r.slot_rank, r.own = 1 OR w.concurrency > 1 OR (r.slot_rank = 1 AND NOT EXISTS (
      SELECT FROM SCHEMA.jobs c WHERE c.queue = of_queue AND c.group_key = r.key AND (c.priority, c.run_at, c.id) < (r.priority, r.run_at, r.id)
        AND (c.blocked OR c.due_at IS NULL) AND c.slot IS NULL AND c.reserved_by IS NULL
      OFFSET 0
    )) AS fits
    FROM ranked r JOIN wanted w ON w.key = r.key
  ), created AS (
    INSERT INTO SCHEMA.job_groups AS g (queue, key, concurrency, running, rate, burst, tokens, leader_due_at, look_at)
    SELECT of_queue, w.key, w.concurrency, n.jobs, w.rate, w.burst, COALESCE(w.burst - n.jobs, 0), n.leader_due, n.leader_due + interval '1 s'
    FROM wanted w JOIN (
      SELECT a.key, count(*) FILTER (WHERE a.fits AND a.slot_rank <= w.concurrency AND a.token_rank <= COALESCE(w.burst, 1e9))::int AS jobs,
        max(clock_timestamp() + make_interval(secs => 1 / w.rate)) FILTER (WHERE a.fits AND a.slot_rank <= w.concurrency AND a.token_rank > w.burst) AS leader_due
      FROM asked a JOIN wanted w ON w.key = a.key GROUP BY a.key
    ) n ON n.key = w.key
    WHERE w.key NOT IN (SELECT g.key FROM SCHEMA.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys)) ORDER BY w.key COLLATE "C" ON CONFLICT DO NOTHING
    RETURNING g.key, g.concurrency AS slots, COALESCE(g.burst, 1e9::float8) AS tokens, g.rate, false AS has_leader
  ), held AS MATERIALIZED (
    SELECT w.key, w.concurrency - g.running AS slots, w.concurrency, w.rate, w.burst,
      CASE WHEN w.rate IS NULL THEN 1e9 ELSE
        least(w.burst + least(0.5, w.rate * 0.005), CASE WHEN g.rate IS NULL THEN w.burst ELSE g.tokens END + w.rate * greatest(extract(epoch FROM moment - g.refilled_at)::float8, 0)) END AS tokens, g.leader_due_at > clock_timestamp() AS has_leader
    FROM SCHEMA.job_groups g JOIN wanted w ON w.key = g.key
    WHERE g.queue = of_queue AND g.key = ANY (keys) ORDER BY g.key FOR UPDATE OF g SKIP LOCKED
  ), free AS (
    SELECT key, slots, tokens, rate, has_leader FROM created UNION ALL SELECT key, slots, tokens, rate, has_leader FROM held
  ), decided AS MATERIALIZED (
    SELECT a.id, a.key, a.own, a.fits AND a.token_rank <= f.tokens AND (a.own OR a.slot_rank <= f.slots) AS runs,
      a.own OR (a.fits AND a.slot_rank <= f.slots AND NOT COALESCE(f.has_leader, false) AND a.token_rank = floor(f.tokens) + 1) AS leads,
      clock_timestamp() + make_interval(secs => (1 - (f.tokens - floor(f.tokens))) / f.rate) AS due
    FROM asked a JOIN free f ON f.key = a.key
  ), summed AS (
    SELECT key, count(*) FILTER (WHERE runs)::int AS jobs, count(*) FILTER (WHERE runs AND NOT own)::int AS slots,
      count(*) FILTER (WHERE NOT runs) AS refused, min(due) FILTER (WHERE NOT runs AND leads) AS leader_due
    FROM decided GROUP BY key
  ), taken AS (
    UPDATE SCHEMA.job_groups g SET running = g.running + s.slots, concurrency = h.concurrency, rate = h.rate, burst = h.burst,
      tokens = CASE WHEN h.rate IS NULL THEN 0 ELSE h.tokens - s.jobs END, refilled_at = greatest(g.refilled_at, moment),
      leader_due_at = COALESCE(s.leader_due, g.leader_due_at), touched_at = clock_timestamp(),
      look_at = COALESCE(s.leader_due + interval '1 s', CASE WHEN s.jobs = 0 THEN g.look_at END)
    FROM held h JOIN summed s ON s.key = h.key WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = h.key
  ), refused AS (
    UPDATE SCHEMA.jobs j SET blocked = NOT d.leads, due_at = CASE WHEN d.leads THEN d.due ELSE 'infinity' END
    FROM decided d WHERE j.id = ANY (ARRAY(SELECT id FROM decided WHERE NOT runs)) AND j.id = d.id
  )
  SELECT (SELECT array_agg(d.id) FROM decided d WHERE d.runs),
    array_agg(s.key) FILTER (WHERE s.refused > 0), array_agg(s.key) FILTER (WHERE s.refused = 0 OR s.jobs = 0) INTO granted, full_keys, free_keys
  FROM summed s;
  IF cardinality(ids) > COALESCE(cardinality(granted), 0) * 2 THEN
    SELECT l.priority, l.run_at, l.id INTO last FROM SCHEMA.jobs l WHERE l.id = ids[cardinality(ids)];
    UPDATE SCHEMA.jobs j SET blocked = true, due_at = 'infinity' WHERE j.ctid = ANY (ARRAY(
      SELECT b.ctid FROM SCHEMA.jobs b WHERE b.ctid = ANY (ARRAY(
        SELECT w.ctid FROM (
          SELECT a.ctid, a.group_key, a.slot FROM SCHEMA.jobs a WHERE a.queue = of_queue AND a.due_at IS NULL AND a.reserved_by IS NULL
            AND (a.priority, a.run_at, a.id) > (last.priority, last.run_at, last.id)
          ORDER BY a.priority, a.run_at, a.id LIMIT 1000
        ) w WHERE w.group_key = ANY (full_keys) AND w.slot IS NULL
      )) AND b.due_at IS NULL AND b.reserved_by IS NULL AND b.slot IS NULL FOR UPDATE SKIP LOCKED
    ));
  END IF;
  -- Slots that are left over go to jobs that were blocked before.
  IF free_keys IS NOT NULL THEN PERFORM SCHEMA.group_pull(of_queue, free_keys, names); END IF;
  RETURN lone || granted;
END $function$
 {owner=X/owner}
CREATE OR REPLACE FUNCTION SCHEMA.group_admit_lone(of_queue text, ids uuid[], keys text[], policy jsonb)
 RETURNS uuid[]
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
  most integer := COALESCE((policy ->> 'concurrency')::int, 1);
  known text[];
  held text[];
BEGIN
  IF cardinality(keys) IS DISTINCT FROM (SELECT CASE WHEN count(*) = count(DISTINCT l.group_key) THEN count(*) END FROM (
    SELECT j.group_key FROM SCHEMA.jobs j WHERE j.queue = of_queue AND j.group_key = ANY (keys) LIMIT cardinality(keys) + 1
  ) l) THEN RETURN NULL; END IF;
  known := ARRAY(SELECT g.key FROM SCHEMA.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys));
  BEGIN
    INSERT INTO SCHEMA.job_groups (queue, key, concurrency, running)
    SELECT of_queue, k, CASE WHEN ascii(k) = 1 THEN 1 ELSE most END, 1 FROM unnest(keys) AS k WHERE k <> ALL (known) ORDER BY k COLLATE "C";
  EXCEPTION WHEN unique_violation THEN RETURN NULL;
  END;
  IF known = '{}' THEN RETURN ids; END IF;
  SELECT array_agg(g.key) INTO held FROM (
    SELECT g.key, g.running FROM SCHEMA.job_groups g WHERE g.queue = of_queue AND g.key = ANY (known) ORDER BY g.key FOR UPDATE SKIP LOCKED
  ) g WHERE g.running < CASE WHEN ascii(g.key) = 1 THEN 1 ELSE most END;
  UPDATE SCHEMA.job_groups g SET running = g.running + 1, concurrency = CASE WHEN ascii(g.key) = 1 THEN 1 ELSE most END,
    rate = NULL, burst = NULL, tokens = 0, touched_at = clock_timestamp(), look_at = NULL
  WHERE g.queue = of_queue AND g.key = ANY (held);
  RETURN ARRAY(SELECT a.id FROM unnest(ids, keys) AS a (id, key) WHERE a.key <> ALL (known) OR a.key = ANY (held));
END $function$
 {owner=X/owner}
CREATE OR REPLACE FUNCTION SCHEMA.group_leave(of_queue text, keys text[], slots integer[], names text[] DEFAULT NULL::text[])
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
  known text[];
  asking integer := 0;
  missed integer;
  n integer;
BEGIN
  IF 0 < ALL (slots) THEN
    -- The usual case: all hold a slot. An index scan takes the keys in their order.
    UPDATE SCHEMA.job_groups g SET running = greatest(g.running - 1, 0), touched_at = clock_timestamp() WHERE g.queue = of_queue AND g.key = ANY (keys);
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n = cardinality(keys) THEN RETURN SCHEMA.group_pull(of_queue, keys, names); END IF;
    UPDATE SCHEMA.job_groups g SET running = greatest(g.running - l.more, 0)
    FROM (SELECT u AS key, count(*)::int - 1 AS more FROM unnest(keys) AS u GROUP BY u HAVING count(*) > 1) l
    WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = l.key;
    known := ARRAY(SELECT g.key FROM SCHEMA.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys));
  ELSE
    WITH left_by AS (
      SELECT l.key, sum(l.slots)::int AS slots, bool_or(l.slots = 0) AS may_lead FROM unnest(keys, slots) AS l (key, slots) GROUP BY l.key
    ), held AS MATERIALIZED (
      SELECT g.key FROM SCHEMA.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys) ORDER BY g.key FOR UPDATE
    ), freed AS (
      UPDATE SCHEMA.job_groups g SET running = greatest(g.running - l.slots, 0), touched_at = clock_timestamp(),
        leader_due_at = CASE WHEN NOT l.may_lead THEN g.leader_due_at END
      FROM held h JOIN left_by l ON l.key = h.key WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = h.key
      RETURNING g.key, l.slots
    )
    SELECT array_agg(f.key) FILTER (WHERE f.slots > 0) INTO known FROM freed f;
  END IF;
  IF EXISTS (SELECT FROM unnest(keys) u WHERE u <> ALL (COALESCE(known, '{}'))) THEN
    WITH heads AS MATERIALIZED (
      SELECT k.key, n.id FROM (SELECT DISTINCT u AS key FROM unnest(keys) AS u) k CROSS JOIN LATERAL (
        SELECT b.id FROM SCHEMA.jobs b WHERE b.queue = of_queue AND b.group_key = k.key AND b.blocked ORDER BY b.priority, b.run_at, b.id LIMIT 1
      ) n WHERE k.key <> ALL (COALESCE(known, '{}'))
    ), free AS MATERIALIZED (
      SELECT j.id FROM SCHEMA.jobs j WHERE j.blocked AND j.id = ANY (ARRAY(SELECT h.id FROM heads h)) FOR UPDATE SKIP LOCKED
    ), asked AS (
      UPDATE SCHEMA.jobs j SET blocked = false, due_at = NULL WHERE j.id = ANY (ARRAY(SELECT f.id FROM free f)) RETURNING j.id
    ), later AS MATERIALIZED (
      SELECT h.key FROM heads h WHERE h.id NOT IN (SELECT f.id FROM free f)
    ), noted AS (
      UPDATE SCHEMA.job_groups g SET look_at = clock_timestamp() + interval '20 ms' FROM later l WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = l.key
    ), made AS (
      INSERT INTO SCHEMA.job_groups (queue, key, look_at) SELECT of_queue, l.key, clock_timestamp() + interval '20 ms' FROM later l
      WHERE l.key NOT IN (SELECT g.key FROM SCHEMA.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys)) ORDER BY l.key COLLATE "C" ON CONFLICT DO NOTHING
    )
    SELECT (SELECT count(*) FROM asked), (SELECT count(*) FROM later) INTO asking, missed;
    IF asking + missed > 0 THEN PERFORM SCHEMA.wake_queue(of_queue); END IF;
  END IF;
  RETURN asking + CASE WHEN known IS NULL THEN 0 ELSE SCHEMA.group_pull(of_queue, known, names) END;
END $function$
 {owner=X/owner}
CREATE OR REPLACE FUNCTION SCHEMA.group_look(of_queue text)
 RETURNS double precision
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
  keys text[];
BEGIN
  SELECT array_agg(due.key) INTO keys FROM (
    SELECT g.key FROM SCHEMA.job_groups g WHERE g.queue = of_queue AND g.look_at <= clock_timestamp() ORDER BY g.look_at LIMIT 100 FOR UPDATE SKIP LOCKED
  ) due;
  IF keys IS NOT NULL THEN
    PERFORM SCHEMA.group_pull(of_queue, keys);
    UPDATE SCHEMA.job_groups g SET look_at = NULL WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.look_at <= clock_timestamp();
  END IF;
  RETURN (SELECT greatest(1000 * extract(epoch FROM g.look_at - clock_timestamp()), 20)::float8
    FROM SCHEMA.job_groups g WHERE g.queue = of_queue AND g.look_at IS NOT NULL ORDER BY g.look_at LIMIT 1);
END $function$
 {owner=X/owner}
CREATE OR REPLACE FUNCTION SCHEMA.group_pull(of_queue text, keys text[], names text[] DEFAULT NULL::text[])
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
  -- One for the tokens and for when they were counted: what lies between two would be lost.
  moment timestamptz := clock_timestamp();
  pulled integer;
  unfit boolean;
  sleeps boolean;
BEGIN
  IF (SELECT true FROM SCHEMA.jobs j WHERE j.queue = of_queue AND j.blocked LIMIT 1) IS NULL THEN RETURN 0; END IF;
  WITH free AS MATERIALIZED (
    SELECT f.*, CASE WHEN f.slots > 0 THEN f.slots WHEN f.has_leader THEN 0 ELSE 1 END AS most FROM (
      SELECT g.key, g.rate, g.look_at, g.concurrency = 1 AS in_order, t.tokens, least(g.concurrency - g.running, floor(t.tokens))::int AS slots,
        g.leader_due_at > clock_timestamp() AS has_leader
      FROM SCHEMA.job_groups g, LATERAL (
        SELECT CASE WHEN g.rate IS NULL THEN 1e9 ELSE
        least(g.burst + least(0.5, g.rate * 0.005), g.tokens + g.rate * greatest(extract(epoch FROM moment - g.refilled_at)::float8, 0)) END AS tokens OFFSET 0
      ) t WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.running < g.concurrency
      ORDER BY g.key FOR UPDATE OF g
    ) f
  ), next AS MATERIALIZED (
    SELECT j.id, f.key, f.slots > 0 AS runs, clock_timestamp() + make_interval(secs => (1 - f.tokens) / f.rate) AS due
    FROM free f CROSS JOIN LATERAL (
      SELECT b.id FROM SCHEMA.jobs b WHERE b.blocked AND b.id = ANY (ARRAY(
        SELECT c.id FROM SCHEMA.jobs c WHERE c.queue = of_queue AND c.group_key = f.key
          AND (c.blocked OR (f.in_order AND c.due_at IS NULL AND c.slot IS NULL AND c.reserved_by IS NULL))
        ORDER BY c.priority, c.run_at, c.id LIMIT f.most + CASE WHEN f.in_order OR f.most = 0 THEN 0 ELSE 10 END
      )) ORDER BY b.priority, b.run_at, b.id LIMIT f.most FOR UPDATE SKIP LOCKED
    ) j
  ), freed AS (
    UPDATE SCHEMA.jobs j SET blocked = false, slot = CASE WHEN n.runs THEN true END, due_at = CASE WHEN NOT n.runs THEN n.due END,
      run_at = CASE WHEN n.runs THEN clock_timestamp() ELSE j.run_at END,
      unique_key = CASE WHEN right(j.unique_key, 1) = chr(1) AND NOT EXISTS (
        SELECT FROM SCHEMA.jobs k WHERE k.unique_key = rtrim(j.unique_key, chr(1))
      ) THEN rtrim(j.unique_key, chr(1)) ELSE j.unique_key END
    FROM next n WHERE j.id = ANY (ARRAY(SELECT id FROM next)) AND j.id = n.id RETURNING n.key, n.runs, n.due, j.name
  ), counted AS (
    SELECT key, count(*) FILTER (WHERE runs)::int AS jobs, min(due) FILTER (WHERE NOT runs) AS due FROM freed GROUP BY key
  ), asleep AS MATERIALIZED (
    SELECT f.key, f.look_at IS NULL AS is_new FROM free f
    WHERE (SELECT count(*) FROM next n WHERE n.key = f.key) < f.most AND EXISTS (
      SELECT FROM SCHEMA.jobs j WHERE j.queue = of_queue AND j.group_key = f.key AND j.blocked AND j.id NOT IN (SELECT n.id FROM next n) OFFSET 0
    )
  ), taken AS (
    UPDATE SCHEMA.job_groups g SET running = g.running + COALESCE(c.jobs, 0), refilled_at = greatest(g.refilled_at, moment),
      tokens = CASE WHEN g.rate IS NULL THEN 0 ELSE f.tokens - COALESCE(c.jobs, 0) END, leader_due_at = COALESCE(c.due, g.leader_due_at),
      look_at = CASE WHEN a.key IS NOT NULL THEN clock_timestamp() + least(greatest(clock_timestamp() - g.touched_at, interval '20 ms'), interval '5 s')
        ELSE c.due + interval '1 s' END
    FROM free f LEFT JOIN counted c ON c.key = f.key LEFT JOIN asleep a ON a.key = f.key
    WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = f.key AND (c.key IS NOT NULL OR a.key IS NOT NULL)
  )
  SELECT count(*), bool_and(f.name = ANY (names)) IS NOT TRUE, EXISTS (SELECT FROM asleep a WHERE a.is_new) INTO pulled, unfit, sleeps FROM freed f;
  IF sleeps OR (pulled > 0 AND unfit) THEN PERFORM SCHEMA.wake_queue(of_queue); END IF;
  RETURN pulled;
END $function$
 {owner=X/owner}
CREATE OR REPLACE FUNCTION SCHEMA.group_sweep(of_queue text, after text, most integer, policy jsonb)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
  keys text[];
  stale text;
BEGIN
  WITH RECURSIVE walk AS (
    SELECT (SELECT j.group_key FROM SCHEMA.jobs j WHERE j.queue = of_queue AND j.blocked AND j.group_key > after ORDER BY j.group_key LIMIT 1) AS key, 1 AS n
    UNION ALL
    SELECT (SELECT j.group_key FROM SCHEMA.jobs j WHERE j.queue = of_queue AND j.blocked AND j.group_key > w.key ORDER BY j.group_key LIMIT 1), w.n + 1
    FROM walk w WHERE w.key IS NOT NULL AND w.n < most
  )
  SELECT array_agg(w.key ORDER BY w.key) INTO keys FROM walk w WHERE w.key IS NOT NULL;
  IF keys IS NOT NULL THEN
    PERFORM FROM SCHEMA.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys) ORDER BY g.key FOR UPDATE;
    INSERT INTO SCHEMA.job_groups (queue, key) SELECT of_queue, k FROM unnest(keys) k
    WHERE k NOT IN (SELECT g.key FROM SCHEMA.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys)) ORDER BY k COLLATE "C" ON CONFLICT DO NOTHING;
    UPDATE SCHEMA.job_groups g SET concurrency = p.concurrency, rate = p.rate, burst = p.burst, tokens = least(g.tokens, p.burst)
    FROM (
      SELECT k.key, COALESCE((policy -> 'groups' -> k.key ->> 'concurrency')::int, (CASE WHEN ascii(k.key) <> 1 THEN policy ->> 'concurrency' END)::int, 1) AS concurrency,
      COALESCE(policy -> 'groups' -> k.key ->> 'rate', CASE WHEN ascii(k.key) <> 1 THEN policy ->> 'rate' END)::float8 AS rate, COALESCE(policy -> 'groups' -> k.key ->> 'burst', CASE WHEN ascii(k.key) <> 1 THEN policy ->> 'burst' END)::int AS burst
      FROM unnest(keys) AS k (key)
    ) p
    WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = p.key AND (g.concurrency, g.rate, g.burst) IS DISTINCT FROM (p.concurrency, p.rate, p.burst);
    -- One whose slots have been taken for long: are there jobs that hold them?
    SELECT g.key INTO stale FROM SCHEMA.job_groups g
    WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.running >= g.concurrency AND g.touched_at < clock_timestamp() - interval '1 minute' LIMIT 1;
    UPDATE SCHEMA.job_groups g SET touched_at = clock_timestamp(),
      running = (SELECT count(*) FROM SCHEMA.jobs j WHERE j.queue = of_queue AND j.group_key = stale AND j.slot IS NOT NULL)
    WHERE g.queue = of_queue AND g.key = stale;
    PERFORM SCHEMA.group_pull(of_queue, keys);
  END IF;
  IF pg_relation_size(format('%I.job_groups', E'SCHEMA')::regclass) > 1048576
    AND pg_try_advisory_xact_lock(hashtextextended('notify-queue groups ' || E'SCHEMA', 0)) THEN
    DELETE FROM SCHEMA.job_groups g WHERE g.ctid = ANY (ARRAY(
      SELECT o.ctid FROM SCHEMA.job_groups o
      WHERE o.running = 0 AND o.key <> '' AND o.touched_at < clock_timestamp() - interval '10 seconds'
        AND (o.rate IS NULL OR o.tokens + o.rate * extract(epoch FROM clock_timestamp() - o.refilled_at) >= o.burst)
        AND NOT EXISTS (SELECT FROM SCHEMA.jobs j WHERE j.queue = o.queue AND j.group_key = o.key AND j.blocked) LIMIT 100000 FOR UPDATE SKIP LOCKED
    ));
  END IF;
  RETURN CASE WHEN cardinality(keys) >= most THEN keys[cardinality(keys)] END;
END $function$
 {owner=X/owner}
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
  DELETE FROM SCHEMA.job_keys WHERE expires_at < now();
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

CREATE OR REPLACE FUNCTION SCHEMA.rate_left(of_queue text, used integer)
 RETURNS double precision
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  UPDATE SCHEMA.job_groups g SET tokens = least(g.burst, g.tokens + g.running - used), running = 0
  WHERE g.queue = of_queue AND g.key = ''
  RETURNING CASE WHEN g.tokens < 1 THEN 1000 * (1 - g.tokens) / g.rate END
$function$
 {owner=X/owner}
CREATE OR REPLACE FUNCTION SCHEMA.rate_take(of_queue text, wanted integer, of_rate double precision, of_burst integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
  granted integer;
  held double precision;
BEGIN
  INSERT INTO SCHEMA.job_groups (queue, key, rate, burst, tokens) VALUES (of_queue, '', of_rate, of_burst, of_burst) ON CONFLICT DO NOTHING;
  LOOP
    SELECT CASE WHEN of_rate IS NULL THEN 1e9 ELSE
        least(of_burst + least(0.5, of_rate * 0.005), CASE WHEN g.rate IS NULL THEN of_burst ELSE g.tokens END + of_rate * greatest(extract(epoch FROM clock_timestamp() - g.refilled_at)::float8, 0)) END INTO held
    FROM SCHEMA.job_groups g WHERE g.queue = of_queue AND g.key = '' FOR UPDATE;
    -- A worker asks a little early, so that the way to here costs nothing of the rate.
    EXIT WHEN held >= 1 OR (1 - held) / of_rate > 0.012;
    PERFORM pg_sleep((1 - held) / of_rate + 0.0001);
  END LOOP;
  UPDATE SCHEMA.job_groups g SET rate = of_rate, burst = of_burst, refilled_at = clock_timestamp(), touched_at = clock_timestamp(),
    tokens = held - least(wanted, floor(held)), running = least(wanted, floor(held))
  WHERE g.queue = of_queue AND g.key = '' RETURNING g.running INTO granted;
  RETURN granted;
END $function$
 {owner=X/owner}
CREATE OR REPLACE FUNCTION SCHEMA.slots_take(of_queue text, of_instance uuid, in_use integer, wanted integer, most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
  others integer;
  granted integer;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('notify-queue slots ' || E'SCHEMA' || ' ' || of_queue, 0));
  DELETE FROM SCHEMA.job_slots s WHERE s.queue = of_queue AND NOT EXISTS (
    SELECT FROM SCHEMA.job_instances i WHERE i.id = s.instance_id AND i.expires_at > clock_timestamp()
  );
  SELECT COALESCE(sum(s.slots), 0) INTO others FROM SCHEMA.job_slots s WHERE s.queue = of_queue AND s.instance_id <> of_instance;
  granted := greatest(least(wanted, most - others), 0);
  INSERT INTO SCHEMA.job_slots AS s (queue, instance_id, slots, starved) VALUES (of_queue, of_instance, greatest(granted, in_use), granted < wanted)
  ON CONFLICT (queue, instance_id) DO UPDATE SET slots = excluded.slots, starved = excluded.starved;
  IF others + greatest(granted, in_use) < most AND EXISTS (
    SELECT FROM SCHEMA.job_slots s WHERE s.queue = of_queue AND s.instance_id <> of_instance AND s.starved
  ) THEN
    UPDATE SCHEMA.job_slots s SET starved = false WHERE s.queue = of_queue AND s.starved AND s.instance_id <> of_instance;
    PERFORM SCHEMA.wake_queue(of_queue);
  END IF;
  RETURN granted;
END $function$
 {owner=X/owner}
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

CREATE OR REPLACE FUNCTION SCHEMA.unique_claim(of_key text, new_id uuid, for_ms double precision)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  holder uuid;
BEGIN
  LOOP
    INSERT INTO SCHEMA.job_keys AS k (key, job_id, expires_at)
    VALUES (of_key, new_id, clock_timestamp() + make_interval(secs => for_ms / 1000))
    ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id, expires_at = excluded.expires_at WHERE k.expires_at <= clock_timestamp()
    RETURNING k.job_id INTO holder;
    IF holder IS NULL THEN SELECT k.job_id INTO holder FROM SCHEMA.job_keys k WHERE k.key = of_key; END IF;
    IF holder IS NOT NULL THEN RETURN holder; END IF;
  END LOOP;
END $function$
 {owner=X/owner}
CREATE OR REPLACE FUNCTION SCHEMA.unique_conflict(new_id uuid, of_key text, on_conflict text, holder uuid, of_queue text, of_name text, new_payload jsonb, new_options jsonb, new_priority smallint, due timestamp with time zone, of_group text, OUT id uuid, OUT outcome text)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  old record;
  due_now timestamptz;
  successor text;
BEGIN
  LOOP
    IF holder IS NULL THEN SELECT j.id, j.queue, j.reserved_by INTO old FROM SCHEMA.jobs j WHERE j.unique_key = of_key;
    ELSE SELECT j.id, j.queue, j.reserved_by INTO old FROM SCHEMA.jobs j WHERE j.id = holder; END IF;
    outcome := 'kept';
    id := COALESCE(old.id, holder);
    IF id IS NULL THEN
      -- It has finished meanwhile.
      INSERT INTO SCHEMA.jobs AS j (id, queue, name, payload, priority, options, run_at, due_at, group_key, unique_key)
      VALUES (new_id, of_queue, of_name, new_payload, new_priority, new_options, COALESCE(due, clock_timestamp()),
        CASE WHEN due > clock_timestamp() THEN due END, of_group, of_key)
      ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING RETURNING j.id INTO id;
      outcome := 'created';
      IF id IS NOT NULL THEN RETURN; END IF;
      CONTINUE;
    END IF;
    IF on_conflict = 'keep' OR old.id IS NULL THEN RETURN; END IF;
    IF old.reserved_by IS NULL THEN
      BEGIN
        UPDATE SCHEMA.jobs j SET payload = new_payload, options = new_options,
          run_at = CASE WHEN on_conflict = 'postpone' THEN COALESCE(due, clock_timestamp()) ELSE j.run_at END,
          retry_at = CASE WHEN on_conflict = 'postpone' THEN NULL ELSE j.retry_at END,
          blocked = false,
          due_at = CASE WHEN j.due_at = 'infinity' AND NOT j.blocked THEN j.due_at
            WHEN on_conflict <> 'postpone' THEN CASE WHEN NOT j.blocked THEN j.due_at END WHEN due > clock_timestamp() THEN due END
        WHERE j.id = old.id AND j.reserved_by IS NULL RETURNING j.due_at INTO due_now;
        -- It was being reserved: the lock on it that came of waiting ends with this block.
        IF NOT FOUND THEN RAISE EXCEPTION USING ERRCODE = 'NQ001'; END IF;
        outcome := CASE on_conflict WHEN 'postpone' THEN 'postponed' ELSE 'replaced' END;
        -- A reserve that came by meanwhile has skipped the locked row.
        IF due_now IS NULL OR due_now <= clock_timestamp() + interval '1 minute' THEN PERFORM pg_notify(E'SCHEMA.jobs', old.queue); END IF;
        RETURN;
      EXCEPTION WHEN SQLSTATE 'NQ001' THEN CONTINUE;
      END;
    END IF;
    IF on_conflict <> 'again' THEN RETURN; END IF;
    successor := of_key || chr(1);
    INSERT INTO SCHEMA.jobs AS j (id, queue, name, payload, priority, options, run_at, due_at, group_key, unique_key)
    VALUES (new_id, old.queue, of_name, new_payload, new_priority, new_options, COALESCE(due, clock_timestamp()),
      CASE WHEN due > clock_timestamp() THEN due END, of_group, successor)
    ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING RETURNING j.id INTO id;
    IF id IS NULL THEN
      UPDATE SCHEMA.jobs j SET payload = new_payload, options = new_options, blocked = false, due_at = CASE WHEN NOT j.blocked THEN j.due_at END
      WHERE j.unique_key = successor AND j.reserved_by IS NULL RETURNING j.id INTO id;
      PERFORM pg_notify(E'SCHEMA.jobs', old.queue);
    END IF;
    outcome := 'again';
    IF id IS NOT NULL THEN RETURN; END IF;
  END LOOP;
END $function$
 {owner=X/owner}
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

CREATE OR REPLACE FUNCTION SCHEMA.watch_job(of_id uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  marked record;
BEGIN
  UPDATE SCHEMA.jobs j SET watched = true, blocked = false, due_at = CASE WHEN NOT j.blocked THEN j.due_at END
  WHERE j.id = of_id AND NOT j.watched RETURNING j.queue, j.state INTO marked;
  IF marked.state = 'available' THEN PERFORM SCHEMA.wake_queue(marked.queue); END IF;
  RETURN EXISTS (SELECT FROM SCHEMA.jobs j WHERE j.id = of_id);
END $function$
 {owner=X/owner}
