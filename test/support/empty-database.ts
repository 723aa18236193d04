import { onTestFinished } from 'vitest';
import { applyMigrations, type Query } from '../../migrations/apply.js';
import { createTestDatabase, type TestDatabase } from './database.js';

/** A database without our tables for one test, dropped at its end. */
export async function emptyDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase({ migrated: false });
  onTestFinished(() => database.drop());
  return database;
}

/** A connection of its own in the form that migrations take. */
export async function queryOn(database: TestDatabase): Promise<Query> {
  const client = await database.client();
  return async (sql, params) => (await client.query(sql, params)).rows;
}

/** A database of its own with our tables. */
export async function migrated(schema?: string): Promise<TestDatabase> {
  const database = await emptyDatabase();
  await applyMigrations(await queryOn(database), schema ?? 'notify_queue');
  return database;
}
