import type { Statement, StatementNames } from '../statement.js';

/**
 * Tells every process that listens, in one notification for each text of $1. A transaction that notifies takes a lock of the
 * whole database at its commit, so callers collect.
 */
export const publishEvents = ({ channels }: StatementNames): Statement => ({
  name: 'nq_publish_events',
  text: `SELECT count(pg_notify(${channels.events}, e))::int AS told FROM unnest($1::text[]) AS e`,
});
