import type { Names } from './migration-script.js';

/**
 * Unique jobs. A key is held by the row of its job, in every unfinished state, or for a time of its own in
 * `job_keys`. A blocked job that is changed is looked at again: a slot may have come free while its row was locked. Enqueues never wait for, nor lock, a job that runs: their transactions
 * may be long, and the job must be settled. For the same reason they notify without the lock of the queue, on which others would rely until they end.
 */
export const unique = ({ schema, channels }: Names): string => `
CREATE TABLE ${schema}.job_keys (
  key text NOT NULL,
  job_id uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT job_keys_pkey PRIMARY KEY (key)
);
CREATE INDEX job_keys_expires_idx ON ${schema}.job_keys (expires_at);

-- The job that has the key for its time: the new one, unless that of another is not over.
CREATE OR REPLACE FUNCTION ${schema}.unique_claim(of_key text, new_id uuid, for_ms double precision) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  holder uuid;
BEGIN
  LOOP
    INSERT INTO ${schema}.job_keys AS k (key, job_id, expires_at)
    VALUES (of_key, new_id, clock_timestamp() + make_interval(secs => for_ms / 1000))
    ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id, expires_at = excluded.expires_at WHERE k.expires_at <= clock_timestamp()
    RETURNING k.job_id INTO holder;
    IF holder IS NULL THEN SELECT k.job_id INTO holder FROM ${schema}.job_keys k WHERE k.key = of_key; END IF;
    IF holder IS NOT NULL THEN RETURN holder; END IF;
  END LOOP;
END $$;

-- What becomes of a new job whose key another one has: on_conflict is keep, replace, postpone or again, and holder the
-- one that has the key for a time. While a job runs, 'again' stores its successor under the key and a letter more, in a
-- group of their own with one slot, and in the queue of the running one, as groups are of a queue.
CREATE OR REPLACE FUNCTION ${schema}.unique_conflict(
  new_id uuid, of_key text, on_conflict text, holder uuid, of_queue text, of_name text, new_payload jsonb, new_options jsonb,
  new_priority smallint, due timestamptz, of_group text, OUT id uuid, OUT outcome text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old record;
  due_now timestamptz;
  successor text;
BEGIN
  LOOP
    IF holder IS NULL THEN SELECT j.id, j.queue, j.reserved_by INTO old FROM ${schema}.jobs j WHERE j.unique_key = of_key;
    ELSE SELECT j.id, j.queue, j.reserved_by INTO old FROM ${schema}.jobs j WHERE j.id = holder; END IF;
    outcome := 'kept';
    id := COALESCE(old.id, holder);
    IF id IS NULL THEN
      -- It has finished meanwhile.
      INSERT INTO ${schema}.jobs AS j (id, queue, name, payload, priority, options, run_at, due_at, group_key, unique_key)
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
        UPDATE ${schema}.jobs j SET payload = new_payload, options = new_options,
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
        IF due_now IS NULL OR due_now <= clock_timestamp() + interval '1 minute' THEN PERFORM pg_notify(${channels.jobs}, old.queue); END IF;
        RETURN;
      EXCEPTION WHEN SQLSTATE 'NQ001' THEN CONTINUE;
      END;
    END IF;
    IF on_conflict <> 'again' THEN RETURN; END IF;
    successor := of_key || chr(1);
    INSERT INTO ${schema}.jobs AS j (id, queue, name, payload, priority, options, run_at, due_at, group_key, unique_key)
    VALUES (new_id, old.queue, of_name, new_payload, new_priority, new_options, COALESCE(due, clock_timestamp()),
      CASE WHEN due > clock_timestamp() THEN due END, of_group, successor)
    ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING RETURNING j.id INTO id;
    IF id IS NULL THEN
      UPDATE ${schema}.jobs j SET payload = new_payload, options = new_options, blocked = false, due_at = CASE WHEN NOT j.blocked THEN j.due_at END
      WHERE j.unique_key = successor AND j.reserved_by IS NULL RETURNING j.id INTO id;
      PERFORM pg_notify(${channels.jobs}, old.queue);
    END IF;
    outcome := 'again';
    IF id IS NOT NULL THEN RETURN; END IF;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION ${schema}.unique_claim(text, uuid, double precision),
  ${schema}.unique_conflict(uuid, text, text, uuid, text, text, jsonb, jsonb, smallint, timestamptz, text) FROM PUBLIC;
`;
