import type { Statement, StatementNames } from '../statement.js';

/** Prepares history partitions for rows kept $1 milliseconds (an array), today and some days ahead. */
export const prepareHistory = ({ schema }: StatementNames): Statement => ({
  name: 'nq_prepare_history',
  text: `SELECT ${schema}.history_prepare(ARRAY(SELECT make_interval(secs => r / 1000) FROM unnest($1::float8[]) AS r))::text`,
});

/** Drops history partitions past their time. */
export const expireHistory = ({ schema }: StatementNames): Statement => ({
  name: 'nq_expire_history',
  text: `SELECT ${schema}.history_expire() AS dropped`,
});
