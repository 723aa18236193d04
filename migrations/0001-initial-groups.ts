import { admit } from './0001-initial-group-admit.js';
import { look, sweep } from './0001-initial-group-looks.js';
import { tokensNow } from './0001-initial-limits.js';
import type { Names } from './migration-script.js';

/**
 * Groups of jobs that share slots, and the tokens of rates; a queue's own rate is the row whose key is empty. A worker
 * asks for a slot when it reserves a job (`group_admit`) and gives it up when the job is settled (`group_leave`), which
 * hands it to the next job of the group that is blocked. A job is blocked once, by whoever meets it while its group is
 * full, and is out of the index that reserves walk until then. Both happen under the lock of the group's row, so no job
 * is blocked by a slot that is just being given up. Enqueues touch no row of a group: their transactions may be long.
 *
 * Workers cannot wait for each other in a circle: rows that are there are locked first, in order of key, or without waiting; then new
 * ones are inserted, in order of key. Only keys without a row: an insert waits for whoever has changed the row that is there. Rows that
 * were locked are updated by key: by ctid, one whose newest version the statement's snapshot does not show would be missed.
 */
export const groups = (names: Names): string => [table(names), pull(names), leave(names), admit(names), look(names), sweep(names)].join('\n');

const table = ({ schema }: Names): string => `
CREATE TABLE ${schema}.job_groups (
  queue text NOT NULL,
  key text NOT NULL COLLATE "C",
  concurrency integer NOT NULL DEFAULT 1,
  running integer NOT NULL DEFAULT 0,
  rate double precision,
  burst integer,
  tokens double precision NOT NULL DEFAULT 0,
  refilled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  leader_due_at timestamptz,
  look_at timestamptz,
  touched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT job_groups_pkey PRIMARY KEY (key, queue)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX job_groups_look_idx ON ${schema}.job_groups (queue, look_at) WHERE look_at IS NOT NULL;
`;

/**
 * Gives free slots and tokens of groups to their next blocked jobs. Where a slot is free and no token, the next job waits
 * for the token as one that is due then, and the others behind it. Wakes workers where no name of `names` fits.
 *
 * A caller's open transaction may have the next job locked, and nobody tells of a rollback: where jobs stay blocked although
 * there is a slot, `look_at` says when to look again, after as long as it has been so; and where one waits for a token, a second later,
 * since somebody may have put it off or deleted it.
 */
const pull = ({ schema }: Names): string => `
CREATE OR REPLACE FUNCTION ${schema}.group_pull(of_queue text, keys text[], names text[] DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  -- One for the tokens and for when they were counted: what lies between two would be lost.
  moment timestamptz := clock_timestamp();
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
        SELECT ${tokensNow('g.rate', 'g.burst', 'g.tokens', 'moment')} AS tokens OFFSET 0
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
    UPDATE ${schema}.job_groups g SET running = g.running + COALESCE(c.jobs, 0), refilled_at = greatest(g.refilled_at, moment),
      tokens = CASE WHEN g.rate IS NULL THEN 0 ELSE f.tokens - COALESCE(c.jobs, 0) END, leader_due_at = COALESCE(c.due, g.leader_due_at),
      look_at = CASE WHEN a.key IS NOT NULL THEN clock_timestamp() + least(greatest(clock_timestamp() - g.touched_at, interval '20 ms'), interval '5 s')
        ELSE c.due + interval '1 s' END
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  known text[];
  asking integer := 0;
  missed integer;
  n integer;
BEGIN
  IF 0 < ALL (slots) THEN
    -- The usual case: all hold a slot. An index scan takes the keys in their order.
    UPDATE ${schema}.job_groups g SET running = greatest(g.running - 1, 0), touched_at = clock_timestamp() WHERE g.queue = of_queue AND g.key = ANY (keys);
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n = cardinality(keys) THEN RETURN ${schema}.group_pull(of_queue, keys, names); END IF;
    UPDATE ${schema}.job_groups g SET running = greatest(g.running - l.more, 0)
    FROM (SELECT u AS key, count(*)::int - 1 AS more FROM unnest(keys) AS u GROUP BY u HAVING count(*) > 1) l
    WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = l.key;
    known := ARRAY(SELECT g.key FROM ${schema}.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys));
  ELSE
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
  END IF;
  IF EXISTS (SELECT FROM unnest(keys) u WHERE u <> ALL (COALESCE(known, '{}'))) THEN
    WITH heads AS MATERIALIZED (
      SELECT k.key, n.id FROM (SELECT DISTINCT u AS key FROM unnest(keys) AS u) k CROSS JOIN LATERAL (
        SELECT b.id FROM ${schema}.jobs b WHERE b.queue = of_queue AND b.group_key = k.key AND b.blocked ORDER BY b.priority, b.run_at, b.id LIMIT 1
      ) n WHERE k.key <> ALL (COALESCE(known, '{}'))
    ), free AS MATERIALIZED (
      SELECT j.id FROM ${schema}.jobs j WHERE j.blocked AND j.id = ANY (ARRAY(SELECT h.id FROM heads h)) FOR UPDATE SKIP LOCKED
    ), asked AS (
      UPDATE ${schema}.jobs j SET blocked = false, due_at = NULL WHERE j.id = ANY (ARRAY(SELECT f.id FROM free f)) RETURNING j.id
    ), later AS MATERIALIZED (
      SELECT h.key FROM heads h WHERE h.id NOT IN (SELECT f.id FROM free f)
    ), noted AS (
      UPDATE ${schema}.job_groups g SET look_at = clock_timestamp() + interval '20 ms' FROM later l WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = l.key
    ), made AS (
      INSERT INTO ${schema}.job_groups (queue, key, look_at) SELECT of_queue, l.key, clock_timestamp() + interval '20 ms' FROM later l
      WHERE l.key NOT IN (SELECT g.key FROM ${schema}.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys)) ORDER BY l.key COLLATE "C" ON CONFLICT DO NOTHING
    )
    SELECT (SELECT count(*) FROM asked), (SELECT count(*) FROM later) INTO asking, missed;
    IF asking + missed > 0 THEN PERFORM ${schema}.wake_queue(of_queue); END IF;
  END IF;
  RETURN asking + CASE WHEN known IS NULL THEN 0 ELSE ${schema}.group_pull(of_queue, known, names) END;
END $$;
REVOKE ALL ON FUNCTION ${schema}.group_pull, ${schema}.group_leave FROM PUBLIC;
`;
