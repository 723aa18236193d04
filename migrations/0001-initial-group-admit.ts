import { policyColumns } from './0001-initial-group-looks.js';
import { tokensNow } from './0001-initial-limits.js';
import type { Names } from './migration-script.js';

export const admit = (names: Names): string => [admitLone(names), admitAll(names)].join('\n');

/** A group of ours has one slot, whatever those of the user have: `policyColumns` without rates and words for single groups. */
const slotsOf = (key: string): string => `CASE WHEN ascii(${key}) = 1 THEN 1 ELSE most END`;

/**
 * Asks for slots for jobs that are the only ones of their groups: all that `group_admit` does would come to the same, at thrice
 * the cost. Answers which may run; those of a full group, of one that somebody looks at just now, and all where one is not alone, are left to it.
 */
const admitLone = ({ schema }: Names): string => `
CREATE OR REPLACE FUNCTION ${schema}.group_admit_lone(of_queue text, ids uuid[], keys text[], policy jsonb) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  most integer := COALESCE((policy ->> 'concurrency')::int, 1);
  known text[];
  held text[];
BEGIN
  IF cardinality(keys) IS DISTINCT FROM (SELECT CASE WHEN count(*) = count(DISTINCT l.group_key) THEN count(*) END FROM (
    SELECT j.group_key FROM ${schema}.jobs j WHERE j.queue = of_queue AND j.group_key = ANY (keys) LIMIT cardinality(keys) + 1
  ) l) THEN RETURN NULL; END IF;
  known := ARRAY(SELECT g.key FROM ${schema}.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys));
  BEGIN
    INSERT INTO ${schema}.job_groups (queue, key, concurrency, running)
    SELECT of_queue, k, ${slotsOf('k')}, 1 FROM unnest(keys) AS k WHERE k <> ALL (known) ORDER BY k COLLATE "C";
  EXCEPTION WHEN unique_violation THEN RETURN NULL;
  END;
  IF known = '{}' THEN RETURN ids; END IF;
  SELECT array_agg(g.key) INTO held FROM (
    SELECT g.key, g.running FROM ${schema}.job_groups g WHERE g.queue = of_queue AND g.key = ANY (known) ORDER BY g.key FOR UPDATE SKIP LOCKED
  ) g WHERE g.running < ${slotsOf('g.key')};
  UPDATE ${schema}.job_groups g SET running = g.running + 1, concurrency = ${slotsOf('g.key')},
    rate = NULL, burst = NULL, tokens = 0, touched_at = clock_timestamp(), look_at = NULL
  WHERE g.queue = of_queue AND g.key = ANY (held);
  RETURN ARRAY(SELECT a.id FROM unnest(ids, keys) AS a (id, key) WHERE a.key <> ALL (known) OR a.key = ANY (held));
END $$;
REVOKE ALL ON FUNCTION ${schema}.group_admit_lone FROM PUBLIC;
`;

/**
 * Asks for slots for jobs, in their order; `owns` tells which hold theirs and want a token only. `policy` is
 * {"concurrency", "rate", "burst", "groups": {key: {the same}}}; the keys of ours that begin with chr(1) have one slot. Answers
 * which may run. The others are blocked, and what stands behind them with them; those of a group that another worker looks at just now stay as they are.
 */
const admitAll = ({ schema }: Names): string => `
CREATE OR REPLACE FUNCTION ${schema}.group_admit(
  of_queue text, ids uuid[], keys text[], owns integer[], priorities smallint[], run_ats timestamptz[], policy jsonb, names text[]
) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
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
    lone := ${schema}.group_admit_lone(of_queue, ids, keys, policy);
    IF cardinality(lone) = cardinality(ids) THEN RETURN lone; END IF;
    IF lone <> '{}' THEN
      SELECT array_agg(a.id ORDER BY a.n), array_agg(a.key ORDER BY a.n), array_agg(0), array_agg(a.priority ORDER BY a.n), array_agg(a.run_at ORDER BY a.n)
      INTO ids, keys, owns, priorities, run_ats
      FROM unnest(ids, keys, priorities, run_ats) WITH ORDINALITY AS a (id, key, priority, run_at, n) WHERE a.id <> ALL (lone);
    END IF;
  END IF;
  WITH wanted AS MATERIALIZED (
    SELECT w.key, ${policyColumns('w.key', 'p.own')}
    FROM (SELECT DISTINCT u AS key FROM unnest(keys) AS u) w, LATERAL (SELECT policy -> 'groups' -> w.key AS own OFFSET 0) p
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
    INSERT INTO ${schema}.job_groups AS g (queue, key, concurrency, running, rate, burst, tokens, leader_due_at, look_at)
    SELECT of_queue, w.key, w.concurrency, n.jobs, w.rate, w.burst, COALESCE(w.burst - n.jobs, 0), n.leader_due, n.leader_due + interval '1 s'
    FROM wanted w JOIN (
      SELECT a.key, count(*) FILTER (WHERE a.fits AND a.slot_rank <= w.concurrency AND a.token_rank <= COALESCE(w.burst, 1e9))::int AS jobs,
        max(clock_timestamp() + make_interval(secs => 1 / w.rate)) FILTER (WHERE a.fits AND a.slot_rank <= w.concurrency AND a.token_rank > w.burst) AS leader_due
      FROM asked a JOIN wanted w ON w.key = a.key GROUP BY a.key
    ) n ON n.key = w.key
    WHERE w.key NOT IN (SELECT g.key FROM ${schema}.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys)) ORDER BY w.key COLLATE "C" ON CONFLICT DO NOTHING
    RETURNING g.key, g.concurrency AS slots, COALESCE(g.burst, 1e9::float8) AS tokens, g.rate, false AS has_leader
  ), held AS MATERIALIZED (
    SELECT w.key, w.concurrency - g.running AS slots, w.concurrency, w.rate, w.burst,
      ${tokensNow('w.rate', 'w.burst', 'CASE WHEN g.rate IS NULL THEN w.burst ELSE g.tokens END', 'moment')} AS tokens, g.leader_due_at > clock_timestamp() AS has_leader
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
      tokens = CASE WHEN h.rate IS NULL THEN 0 ELSE h.tokens - s.jobs END, refilled_at = greatest(g.refilled_at, moment),
      leader_due_at = COALESCE(s.leader_due, g.leader_due_at), touched_at = clock_timestamp(),
      look_at = COALESCE(s.leader_due + interval '1 s', CASE WHEN s.jobs = 0 THEN g.look_at END)
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
  RETURN lone || granted;
END $$;
REVOKE ALL ON FUNCTION ${schema}.group_admit FROM PUBLIC;
`;
