import { applyMigrations } from '../../lib/store/migrator.js';
import { withClient } from './server.js';

/** The schema of the template, the default of the package. */
export const TEST_SCHEMA = 'notify_queue';

/** Brings a database to the newest schema. */
export async function migrateTemplate(url: string, schema = TEST_SCHEMA): Promise<void> {
  await withClient(url, async (client) => {
    const query = async (sql: string, params?: unknown[]) => (await client.query(sql, params)).rows;
    await applyMigrations(query, schema);
  });
}
