import { epochMs, type Statement, type StatementNames } from '../statement.js';

const COLUMNS = `key, value, revision::pg_catalog.float8 AS revision, ${epochMs('created_at')} AS created_at,
  ${epochMs('updated_at')} AS updated_at`;

/** All config rows, or those with keys $1. Index: job_configs_pkey. */
export const readConfigs = ({ schema }: StatementNames): Statement => ({
  name: 'nq_read_configs',
  text: `SELECT ${COLUMNS} FROM ${schema}.job_configs WHERE $1::pg_catalog.text[] IS NULL OR key OPERATOR(pg_catalog.=) ANY ($1) ORDER BY key`,
});

/** Adds key $1 with value $2 unless it exists. */
export const createConfig = ({ schema }: StatementNames): Statement => ({
  name: 'nq_create_config',
  text: `INSERT INTO ${schema}.job_configs (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING RETURNING ${COLUMNS}`,
});

/** Writes value $2 to key $1, which need not exist. */
export const setConfig = ({ schema }: StatementNames): Statement => ({
  name: 'nq_set_config',
  text: `INSERT INTO ${schema}.job_configs (key, value) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET value = excluded.value RETURNING ${COLUMNS}`,
});

/** Writes value $2 to key $1, which must exist. Index: job_configs_pkey. */
export const updateConfig = ({ schema }: StatementNames): Statement => ({
  name: 'nq_update_config',
  text: `WITH changed AS (UPDATE ${schema}.job_configs SET value = $2 WHERE key OPERATOR(pg_catalog.=) $1 RETURNING *) SELECT ${COLUMNS} FROM changed`,
});

/** Deletes key $1. Index: job_configs_pkey. */
export const deleteConfig = ({ schema }: StatementNames): Statement => ({
  name: 'nq_delete_config',
  text: `WITH deleted AS (DELETE FROM ${schema}.job_configs WHERE key OPERATOR(pg_catalog.=) $1 RETURNING 1) SELECT pg_catalog.count(*)::int AS deleted FROM deleted`,
});
