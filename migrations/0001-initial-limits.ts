import type { Names } from './migration-script.js';

/** What a queue may do over all processes: its rate, and how many of its jobs run at once. */
export const limits = (names: Names): string => [rates(names), slots(names)].join('\n');

/** Tokens that a bucket holds at `now`. Without a rate there are always enough. One that is taken up to 5 ms late loses nothing of the rate. */
export function tokensNow(rate: string, burst: string, tokens: string, now = 'clock_timestamp()'): string {
  return `CASE WHEN ${rate} IS NULL THEN 1e9 ELSE
        least(${burst} + least(0.5, ${rate} * 0.005), ${tokens} + ${rate} * greatest(extract(epoch FROM ${now} - g.refilled_at)::float8, 0)) END`;
}

/**
 * The tokens of a queue's own rate. `rate_take` takes as many as there are, up to `wanted`; `rate_left` gives back what was not
 * used and answers in how many milliseconds there is the next one, null when there is one now.
 */
const rates = ({ schema }: Names): string => `
CREATE OR REPLACE FUNCTION ${schema}.rate_take(of_queue text, wanted integer, of_rate double precision, of_burst integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  granted integer;
  held double precision;
BEGIN
  INSERT INTO ${schema}.job_groups (queue, key, rate, burst, tokens) VALUES (of_queue, '', of_rate, of_burst, of_burst) ON CONFLICT DO NOTHING;
  LOOP
    SELECT ${tokensNow('of_rate', 'of_burst', 'CASE WHEN g.rate IS NULL THEN of_burst ELSE g.tokens END')} INTO held
    FROM ${schema}.job_groups g WHERE g.queue = of_queue AND g.key = '' FOR UPDATE;
    -- A worker asks a little early, so that the way to here costs nothing of the rate.
    EXIT WHEN held >= 1 OR (1 - held) / of_rate > 0.012;
    PERFORM pg_sleep((1 - held) / of_rate + 0.0001);
  END LOOP;
  UPDATE ${schema}.job_groups g SET rate = of_rate, burst = of_burst, refilled_at = clock_timestamp(), touched_at = clock_timestamp(),
    tokens = held - least(wanted, floor(held)), running = least(wanted, floor(held))
  WHERE g.queue = of_queue AND g.key = '' RETURNING g.running INTO granted;
  RETURN granted;
END $$;

CREATE OR REPLACE FUNCTION ${schema}.rate_left(of_queue text, used integer) RETURNS double precision
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE ${schema}.job_groups g SET tokens = least(g.burst, g.tokens + g.running - used), running = 0
  WHERE g.queue = of_queue AND g.key = ''
  RETURNING CASE WHEN g.tokens < 1 THEN 1000 * (1 - g.tokens) / g.rate END
$$;
`;

/** Slots of queues whose concurrency is limited over all processes: each process takes some, and runs no more jobs than it has. */
const slots = ({ schema, schemaLiteral }: Names): string => `
CREATE TABLE ${schema}.job_slots (
  queue text NOT NULL,
  instance_id uuid NOT NULL,
  slots integer NOT NULL,
  starved boolean NOT NULL,
  CONSTRAINT job_slots_pkey PRIMARY KEY (queue, instance_id)
) WITH (fillfactor = 50);

CREATE OR REPLACE FUNCTION ${schema}.slots_take(of_queue text, of_instance uuid, in_use integer, wanted integer, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  others integer;
  granted integer;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('notify-queue slots ' || ${schemaLiteral} || ' ' || of_queue, 0));
  DELETE FROM ${schema}.job_slots s WHERE s.queue = of_queue AND NOT EXISTS (
    SELECT FROM ${schema}.job_instances i WHERE i.id = s.instance_id AND i.expires_at > clock_timestamp()
  );
  SELECT COALESCE(sum(s.slots), 0) INTO others FROM ${schema}.job_slots s WHERE s.queue = of_queue AND s.instance_id <> of_instance;
  granted := greatest(least(wanted, most - others), 0);
  INSERT INTO ${schema}.job_slots AS s (queue, instance_id, slots, starved) VALUES (of_queue, of_instance, greatest(granted, in_use), granted < wanted)
  ON CONFLICT (queue, instance_id) DO UPDATE SET slots = excluded.slots, starved = excluded.starved;
  IF others + greatest(granted, in_use) < most AND EXISTS (
    SELECT FROM ${schema}.job_slots s WHERE s.queue = of_queue AND s.instance_id <> of_instance AND s.starved
  ) THEN
    UPDATE ${schema}.job_slots s SET starved = false WHERE s.queue = of_queue AND s.starved AND s.instance_id <> of_instance;
    PERFORM ${schema}.wake_queue(of_queue);
  END IF;
  RETURN granted;
END $$;
REVOKE ALL ON FUNCTION ${schema}.rate_take, ${schema}.rate_left, ${schema}.slots_take FROM PUBLIC;
`;
