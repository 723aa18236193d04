import type { Names } from './migration-script.js';

/** What a group may do: its own word in `policy`, else that of all groups, which does not reach the groups of ours (chr(1) and a unique key). */
export function policyColumns(key: string, own: string): string {
  const ofAll = (name: string): string => `CASE WHEN ascii(${key}) <> 1 THEN policy ->> '${name}' END`;
  return `COALESCE((${own} ->> 'concurrency')::int, (${ofAll('concurrency')})::int, 1) AS concurrency,
      COALESCE(${own} ->> 'rate', ${ofAll('rate')})::float8 AS rate, COALESCE(${own} ->> 'burst', ${ofAll('burst')})::int AS burst`;
}

/**
 * Looks at groups of a queue in which jobs stayed blocked although there was a slot, and whose time to be looked at has come.
 * Answers in how many milliseconds there is the next one, or null. Groups that somebody has locked are passed over.
 */
export const look = ({ schema }: Names): string => `
CREATE OR REPLACE FUNCTION ${schema}.group_look(of_queue text) RETURNS double precision
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  keys text[];
BEGIN
  SELECT array_agg(due.key) INTO keys FROM (
    SELECT g.key FROM ${schema}.job_groups g WHERE g.queue = of_queue AND g.look_at <= clock_timestamp() ORDER BY g.look_at LIMIT 100 FOR UPDATE SKIP LOCKED
  ) due;
  IF keys IS NOT NULL THEN
    PERFORM ${schema}.group_pull(of_queue, keys);
    UPDATE ${schema}.job_groups g SET look_at = NULL WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.look_at <= clock_timestamp();
  END IF;
  RETURN (SELECT greatest(1000 * extract(epoch FROM g.look_at - clock_timestamp()), 20)::float8
    FROM ${schema}.job_groups g WHERE g.queue = of_queue AND g.look_at IS NOT NULL ORDER BY g.look_at LIMIT 1);
END $$;
REVOKE ALL ON FUNCTION ${schema}.group_look FROM PUBLIC;
`;

/**
 * Looks through the blocked groups of a queue behind `after`, for those in which a slot is free all the same: somebody has
 * deleted the job that held it, or has raised the limit, which `policy` tells of. Answers the last one that it looked at, or null at the end.
 * Groups that nobody has used for a while are forgotten once there are many.
 */
export const sweep = ({ schema, schemaLiteral }: Names): string => `
CREATE OR REPLACE FUNCTION ${schema}.group_sweep(of_queue text, after text, most integer, policy jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  keys text[];
  stale text;
BEGIN
  WITH RECURSIVE walk AS (
    SELECT (SELECT j.group_key FROM ${schema}.jobs j WHERE j.queue = of_queue AND j.blocked AND j.group_key > after ORDER BY j.group_key LIMIT 1) AS key, 1 AS n
    UNION ALL
    SELECT (SELECT j.group_key FROM ${schema}.jobs j WHERE j.queue = of_queue AND j.blocked AND j.group_key > w.key ORDER BY j.group_key LIMIT 1), w.n + 1
    FROM walk w WHERE w.key IS NOT NULL AND w.n < most
  )
  SELECT array_agg(w.key ORDER BY w.key) INTO keys FROM walk w WHERE w.key IS NOT NULL;
  IF keys IS NOT NULL THEN
    PERFORM FROM ${schema}.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys) ORDER BY g.key FOR UPDATE;
    INSERT INTO ${schema}.job_groups (queue, key) SELECT of_queue, k FROM unnest(keys) k
    WHERE k NOT IN (SELECT g.key FROM ${schema}.job_groups g WHERE g.queue = of_queue AND g.key = ANY (keys)) ORDER BY k COLLATE "C" ON CONFLICT DO NOTHING;
    UPDATE ${schema}.job_groups g SET concurrency = p.concurrency, rate = p.rate, burst = p.burst, tokens = least(g.tokens, p.burst)
    FROM (
      SELECT k.key, ${policyColumns('k.key', "policy -> 'groups' -> k.key")}
      FROM unnest(keys) AS k (key)
    ) p
    WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.key = p.key AND (g.concurrency, g.rate, g.burst) IS DISTINCT FROM (p.concurrency, p.rate, p.burst);
    -- One whose slots have been taken for long: are there jobs that hold them?
    SELECT g.key INTO stale FROM ${schema}.job_groups g
    WHERE g.queue = of_queue AND g.key = ANY (keys) AND g.running >= g.concurrency AND g.touched_at < clock_timestamp() - interval '1 minute' LIMIT 1;
    UPDATE ${schema}.job_groups g SET touched_at = clock_timestamp(),
      running = (SELECT count(*) FROM ${schema}.jobs j WHERE j.queue = of_queue AND j.group_key = stale AND j.slot IS NOT NULL)
    WHERE g.queue = of_queue AND g.key = stale;
    PERFORM ${schema}.group_pull(of_queue, keys);
  END IF;
  IF pg_relation_size(format('%I.job_groups', ${schemaLiteral})::regclass) > 1048576
    AND pg_try_advisory_xact_lock(hashtextextended('notify-queue groups ' || ${schemaLiteral}, 0)) THEN
    DELETE FROM ${schema}.job_groups g WHERE g.ctid = ANY (ARRAY(
      SELECT o.ctid FROM ${schema}.job_groups o
      WHERE o.running = 0 AND o.key <> '' AND o.touched_at < clock_timestamp() - interval '10 seconds'
        AND (o.rate IS NULL OR o.tokens + o.rate * extract(epoch FROM clock_timestamp() - o.refilled_at) >= o.burst)
        AND NOT EXISTS (SELECT FROM ${schema}.jobs j WHERE j.queue = o.queue AND j.group_key = o.key AND j.blocked) LIMIT 100000 FOR UPDATE SKIP LOCKED
    ));
  END IF;
  RETURN CASE WHEN cardinality(keys) >= most THEN keys[cardinality(keys)] END;
END $$;
REVOKE ALL ON FUNCTION ${schema}.group_sweep FROM PUBLIC;
`;
