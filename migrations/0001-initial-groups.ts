import { look, policyColumns, sweep } from './0001-initial-group-looks.js';
import { tokensNow } from './0001-initial-limits.js';
import type { Names } from './migration-script.js';

/**
 * Groups of jobs that share slots, and the tokens of rates; a queue's own rate is the row whose key is empty. A worker
 * asks for a slot when it reserves a job (`group_admit`) and gives it up when the job is settled (`group_leave`), which
 * hands it to the next job of the group that is blocked. A job is blocked once, by whoever meets it while its group is
 * full, and is out of the index that reserves walk until then. Both happen under the lock of the group's row, so no job
 * is blocked by a slot that is just being given up. Enqueues touch no row of a group: their transactions may be long.
 *
 * Slots are given up in order of key, and asked for without waiting, so workers cannot wait for each other in a circle. Rows that
 * were locked are updated by key: by ctid, one whose newest version the statement's snapshot does not show would be missed.
 */
export const groups = (names: Names): string => [table(names), pull(names), leave(names), admit(names), look(names), sweep(names)].join('\n');

const table = ({ schema }: Names): string => `
CREATE TABLE ${schema}.job_groups (
  queue text NOT NULL,
  key text NOT NULL,
  concurrency integer NOT NULL DEFAULT 1,
  running integer NOT NULL DEFAULT 0,
  rate double precision,
  burst integer,
  tokens double precision NOT NULL DEFAULT 0,
  refilled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  leader_due_at timestamptz,
  look_at timestamptz,
  touched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT job_groups_pkey PRIMARY KEY (queue, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX job_groups_look_idx ON ${schema}.job_groups (queue, look_at) WHERE look_at IS NOT NULL;
`;

/**
 * Gives free slots and tokens of groups to their next blocked jobs. Where a slot is free and no token, the next job waits
 * for the token as one that is due then, and the others behind it. Wakes workers where no name of `names` fits.
 *
 * A caller's open transaction may have the next job locked, and nobody tells of a rollback: where jobs stay blocked although
 * there is a slot, `look_at` says when to look again, after as long as it has been so.
 */
const pull = ({ schema }: Names): string => `
CREATE OR REPLACE FUNCTION ${schema}.group_pull(of_queue text, keys text[], names text[] DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  pulled integer;
  unfit boolean;
  sleeps boolean;
BEGIN
  IF (SELECT true FROM ${schema}.jobs j WHERE j.queue = of_queue AND j.blocked LIMIT 1) IS NULL THEN RETURN 0; END IF;
  WITH free AS MATERIALIZED (
    SELECT f.*, CASE WHEN f.slots > 0 THEN f.slots WHEN f.has_leader THEN 0 ELSE 1 END AS most FROM (
      SELECT g.key, g.rate, g.look_at, g.concurrency = 1 AS in_order, t.tokens, least(g.concurrency - g.running, floor(t.tokens))::int AS slots,
        g.leader_due_at > clock_timestamp() AS has_leader
      FROM ${schema}.job_groups g, LATERAL (
        SELECT ${tokensNow('g.rate', 'g.burst', 'g.tokens')} AS tokens OFFSET 0
      ) t WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.running < g.concurrency
      ORDER BY g.key FOR UPDATE OF g
    ) f
  ), next AS MATERIALIZED (
    SELECT j.id, f.key, f.slots > 0 AS runs, clock_timestamp() + make_interval(secs => (1 - f.tokens) / f.rate) AS due
    FROM free f CROSS JOIN LATERAL (
      SELECT b.id FROM ${schema}.jobs b WHERE b.blocked AND b.id = ANY (ARRAY(
        SELECT c.id FROM ${schema}.jobs c WHERE c.queue = of_queue AND c.group_key = f.key
          AND (c.blocked OR (f.in_order AND c.due_at IS NULL AND c.slot IS NULL AND c.reserved_by IS NULL))
        ORDER BY c.priority, c.run_at, c.id LIMIT f.most + CASE WHEN f.in_order OR f.most = 0 THEN 0 ELSE 10 END
      )) ORDER BY b.priority, b.run_at, b.id LIMIT f.most FOR UPDATE SKIP LOCKED
    ) j
  ), freed AS (
    UPDATE ${schema}.jobs j SET blocked = false, slot = CASE WHEN n.runs THEN true END, due_at = CASE WHEN NOT n.runs THEN n.due END,
      run_at = CASE WHEN n.runs THEN clock_timestamp() ELSE j.run_at END,
      unique_key = CASE WHEN right(j.unique_key, 1) = chr(1) AND NOT EXISTS (
        SELECT FROM ${schema}.jobs k WHERE k.unique_key = rtrim(j.unique_key, chr(1))
      ) THEN rtrim(j.unique_key, chr(1)) ELSE j.unique_key END
    FROM next n WHERE j.id = ANY (ARRAY(SELECT id FROM next)) AND j.id = n.id RETURNING n.key, n.runs, n.due, j.name
  ), counted AS (
    SELECT key, count(*) FILTER (WHERE runs)::int AS jobs, min(due) FILTER (WHERE NOT runs) AS due FROM freed GROUP BY key
  ), asleep AS MATERIALIZED (
    SELECT f.key, f.look_at IS NULL AS is_new FROM free f
    WHERE (SELECT count(*) FROM next n WHERE n.key = f.key) < f.most AND EXISTS (
      SELECT FROM ${schema}.jobs j WHERE j.queue = of_queue AND j.group_key = f.key AND j.blocked AND j.id NOT IN (SELECT n.id FROM next n) OFFSET 0
    )
  ), taken AS (
    UPDATE ${schema}.job_groups g SET running = g.running + COALESCE(c.jobs, 0), refilled_at = clock_timestamp(),
      tokens = CASE WHEN g.rate IS NULL THEN 0 ELSE f.tokens - COALESCE(c.jobs, 0) END, leader_due_at = COALESCE(c.due, g.leader_due_at),
      look_at = CASE WHEN a.key IS NOT NULL THEN clock_timestamp() + least(greatest(clock_timestamp() - g.touched_at, interval '20 ms'), interval '5 s') END
    FROM free f LEFT JOIN counted c ON c.key = f.key LEFT JOIN asleep a ON a.key = f.key
    WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = f.key AND (c.key IS NOT NULL OR a.key IS NOT NULL)
  )
  SELECT count(*), bool_and(f.name = ANY (names)) IS NOT TRUE, EXISTS (SELECT FROM asleep a WHERE a.is_new) INTO pulled, unfit, sleeps FROM freed f;
  IF sleeps OR (pulled > 0 AND unfit) THEN PERFORM ${schema}.wake_queue(of_queue); END IF;
  RETURN pulled;
END $$;
`;

/**
 * Gives up slots of groups: as many as `slots` says of each key. Where that is none, and where nothing is known of the group, the
 * next blocked job takes the place of the one that would have asked for a slot. Answers how many blocked jobs may run now.
 */
const leave = ({ schema }: Names): string => `
CREATE OR REPLACE FUNCTION ${schema}.group_leave(of_queue text, keys text[], slots integer[], names text[] DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  known text[];
  asking integer := 0;
  missed integer;
BEGIN
  WITH left_by AS (
    SELECT l.key, sum(l.slots)::int AS slots, bool_or(l.slots = 0) AS may_lead FROM unnest(keys, slots) AS l (key, slots) GROUP BY l.key
  ), held AS MATERIALIZED (
    SELECT g.key FROM ${schema}.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys) ORDER BY g.key FOR UPDATE
  ), freed AS (
    UPDATE ${schema}.job_groups g SET running = greatest(g.running - l.slots, 0), touched_at = clock_timestamp(),
      leader_due_at = CASE WHEN NOT l.may_lead THEN g.leader_due_at END
    FROM held h JOIN left_by l ON l.key = h.key WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = h.key
    RETURNING g.key, l.slots
  )
  SELECT array_agg(f.key) FILTER (WHERE f.slots > 0) INTO known FROM freed f;
  IF cardinality(known) IS DISTINCT FROM cardinality(keys) THEN
    WITH heads AS MATERIALIZED (
      SELECT k.key, n.id FROM (SELECT DISTINCT u AS key FROM unnest(keys) AS u) k CROSS JOIN LATERAL (
        SELECT b.id FROM ${schema}.jobs b WHERE b.queue = of_queue AND b.group_key = k.key AND b.blocked ORDER BY b.priority, b.run_at, b.id LIMIT 1
      ) n WHERE k.key <> ALL (COALESCE(known, '{}'))
    ), free AS MATERIALIZED (
      SELECT j.id FROM ${schema}.jobs j WHERE j.blocked AND j.id = ANY (ARRAY(SELECT h.id FROM heads h)) FOR UPDATE SKIP LOCKED
    ), asked AS (
      UPDATE ${schema}.jobs j SET blocked = false, due_at = NULL WHERE j.id = ANY (ARRAY(SELECT f.id FROM free f)) RETURNING j.id
    ), later AS (
      INSERT INTO ${schema}.job_groups (queue, key, look_at)
      SELECT of_queue, h.key, clock_timestamp() + interval '20 ms' FROM heads h WHERE h.id NOT IN (SELECT f.id FROM free f) ORDER BY h.key
      ON CONFLICT (queue, key) DO UPDATE SET look_at = excluded.look_at RETURNING 1
    )
    SELECT (SELECT count(*) FROM asked), (SELECT count(*) FROM later) INTO asking, missed;
    IF asking + missed > 0 THEN PERFORM ${schema}.wake_queue(of_queue); END IF;
  END IF;
  RETURN asking + CASE WHEN known IS NULL THEN 0 ELSE ${schema}.group_pull(of_queue, known, names) END;
END $$;
`;

/**
 * Asks for slots for jobs, in their order; `owns` tells which hold theirs and want a token only. `policy` is
 * {"concurrency", "rate", "burst", "groups": {key: {the same}}}; the keys of ours that begin with chr(1) have one slot. Answers
 * which may run. The others are blocked, and what stands behind them with them; those of a group that another worker looks at just now stay as they are.
 */
const admit = ({ schema }: Names): string => `
CREATE OR REPLACE FUNCTION ${schema}.group_admit(
  of_queue text, ids uuid[], keys text[], owns integer[], priorities smallint[], run_ats timestamptz[], policy jsonb, names text[]
) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  last record;
  granted uuid[];
  full_keys text[];
  free_keys text[];
BEGIN
  WITH wanted AS MATERIALIZED (
    SELECT w.key, ${policyColumns('w.key', 'p.own')}
    FROM (SELECT DISTINCT u AS key FROM unnest(keys) AS u) w, LATERAL (SELECT policy -> 'groups' -> w.key AS own OFFSET 0) p
    ORDER BY w.key
  ), ranked AS MATERIALIZED (
    SELECT a.*, row_number() OVER (PARTITION BY a.key ORDER BY a.own DESC, a.place) AS token_rank,
      count(*) FILTER (WHERE a.own = 0) OVER (PARTITION BY a.key ORDER BY a.own DESC, a.place) AS slot_rank
    FROM unnest(ids, keys, owns, priorities, run_ats) WITH ORDINALITY AS a (id, key, own, priority, run_at, place)
  ), asked AS MATERIALIZED (
    -- Where one job runs at a time, none comes before an earlier one that another worker looks at just now.
    SELECT r.id, r.key, r.own = 1 AS own, r.token_rank, r.slot_rank, r.own = 1 OR w.concurrency > 1 OR (r.slot_rank = 1 AND NOT EXISTS (
      SELECT FROM ${schema}.jobs c WHERE c.queue = of_queue AND c.group_key = r.key AND (c.priority, c.run_at, c.id) < (r.priority, r.run_at, r.id)
        AND (c.blocked OR c.due_at IS NULL) AND c.slot IS NULL AND c.reserved_by IS NULL
      OFFSET 0
    )) AS fits
    FROM ranked r JOIN wanted w ON w.key = r.key
  ), created AS (
    INSERT INTO ${schema}.job_groups AS g (queue, key, concurrency, running, rate, burst, tokens)
    SELECT of_queue, w.key, w.concurrency, n.jobs, w.rate, w.burst, COALESCE(w.burst - n.jobs, 0)
    FROM wanted w JOIN (
      SELECT a.key, count(*) FILTER (WHERE a.fits AND a.slot_rank <= w.concurrency AND a.token_rank <= COALESCE(w.burst, 1e9))::int AS jobs
      FROM asked a JOIN wanted w ON w.key = a.key GROUP BY a.key
    ) n ON n.key = w.key ORDER BY w.key ON CONFLICT DO NOTHING
    RETURNING g.key, g.concurrency AS slots, COALESCE(g.burst, 1e9::float8) AS tokens, g.rate, false AS has_leader
  ), held AS MATERIALIZED (
    SELECT w.key, w.concurrency - g.running AS slots, w.concurrency, w.rate, w.burst,
      ${tokensNow('w.rate', 'w.burst', 'CASE WHEN g.rate IS NULL THEN w.burst ELSE g.tokens END')} AS tokens, g.leader_due_at > clock_timestamp() AS has_leader
    FROM ${schema}.job_groups g JOIN wanted w ON w.key = g.key
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
    UPDATE ${schema}.job_groups g SET running = g.running + s.slots, concurrency = h.concurrency, rate = h.rate, burst = h.burst,
      tokens = CASE WHEN h.rate IS NULL THEN 0 ELSE h.tokens - s.jobs END, refilled_at = clock_timestamp(),
      leader_due_at = COALESCE(s.leader_due, g.leader_due_at), touched_at = clock_timestamp(),
      look_at = CASE WHEN s.jobs = 0 THEN g.look_at END
    FROM held h JOIN summed s ON s.key = h.key WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = h.key
  ), refused AS (
    UPDATE ${schema}.jobs j SET blocked = NOT d.leads, due_at = CASE WHEN d.leads THEN d.due ELSE 'infinity' END
    FROM decided d WHERE j.id = ANY (ARRAY(SELECT id FROM decided WHERE NOT runs)) AND j.id = d.id
  )
  SELECT (SELECT array_agg(d.id) FROM decided d WHERE d.runs),
    array_agg(s.key) FILTER (WHERE s.refused > 0), array_agg(s.key) FILTER (WHERE s.refused = 0 OR s.jobs = 0) INTO granted, full_keys, free_keys
  FROM summed s;
  IF cardinality(ids) > COALESCE(cardinality(granted), 0) * 2 THEN
    SELECT l.priority, l.run_at, l.id INTO last FROM ${schema}.jobs l WHERE l.id = ids[cardinality(ids)];
    UPDATE ${schema}.jobs j SET blocked = true, due_at = 'infinity' WHERE j.ctid = ANY (ARRAY(
      SELECT b.ctid FROM ${schema}.jobs b WHERE b.ctid = ANY (ARRAY(
        SELECT w.ctid FROM (
          SELECT a.ctid, a.group_key, a.slot FROM ${schema}.jobs a WHERE a.queue = of_queue AND a.due_at IS NULL AND a.reserved_by IS NULL
            AND (a.priority, a.run_at, a.id) > (last.priority, last.run_at, last.id)
          ORDER BY a.priority, a.run_at, a.id LIMIT 1000
        ) w WHERE w.group_key = ANY (full_keys) AND w.slot IS NULL
      )) AND b.due_at IS NULL AND b.reserved_by IS NULL AND b.slot IS NULL FOR UPDATE SKIP LOCKED
    ));
  END IF;
  -- Slots that are left over go to jobs that were blocked before.
  IF free_keys IS NOT NULL THEN PERFORM ${schema}.group_pull(of_queue, free_keys, names); END IF;
  RETURN granted;
END $$;
REVOKE ALL ON FUNCTION ${schema}.group_pull, ${schema}.group_leave, ${schema}.group_admit FROM PUBLIC;
`;
