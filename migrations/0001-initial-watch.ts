import type { Names } from './migration-script.js';

/**
 * Marks a live job so that its changes are notified; false when it is not live. What came by while its row was locked, a
 * reserve or a slot of its group, has passed it over: workers look again, and a blocked job asks for its slot again. By a
 * function, since roles that only enqueue may mark jobs and change nothing else of them.
 */
export const watch = ({ schema }: Names): string => `
CREATE OR REPLACE FUNCTION ${schema}.watch_job(of_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  marked record;
BEGIN
  UPDATE ${schema}.jobs j SET watched = true, blocked = false, due_at = CASE WHEN NOT j.blocked THEN j.due_at END
  WHERE j.id = of_id AND NOT j.watched RETURNING j.queue, j.state INTO marked;
  IF marked.state = 'available' THEN PERFORM ${schema}.wake_queue(marked.queue); END IF;
  RETURN EXISTS (SELECT FROM ${schema}.jobs j WHERE j.id = of_id);
END $$;
REVOKE ALL ON FUNCTION ${schema}.watch_job(uuid) FROM PUBLIC;
`;
