import { randomBytes } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../sample/database/embedded-postgres.js';
import { migrateTemplate } from './migrate-template.js';
import { databaseUrl, dropDatabases, withClient } from './server.js';

const SETTINGS = { max_connections: '200', shared_buffers: '128MB', log_min_messages: 'fatal' };

/**
 * Gives the run its server, `DATABASE_URL` or an embedded one, with a migrated template database,
 * and takes away what the run made. With `APPLICATION_DATABASE_URL`, applications go through a pooler in front of it.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const own = process.env['DATABASE_URL']
    ? undefined
    : await startEmbeddedPostgres({ settings: SETTINGS });
  const url = own?.url ?? process.env['DATABASE_URL']!;
  const prefix = `notify_queue_test_${randomBytes(4).toString('hex')}`;
  const template = `${prefix}_template`;

  const teardown = async () => {
    if (own) await own.stop();
    else await withClient(url, (admin) => dropDatabases(admin, prefix));
  };
  try {
    await withClient(url, (admin) => admin.query(`CREATE DATABASE ${template}`));
    await migrateTemplate(databaseUrl(url, template));
    await withClient(url, (admin) =>
      // A template that nobody can connect to is never "being accessed by other users".
      admin.query(`ALTER DATABASE ${template} ALLOW_CONNECTIONS false`),
    );
  } catch (error) {
    await teardown();
    throw error;
  }
  project.provide('server', { url, applicationUrl: process.env['APPLICATION_DATABASE_URL'] ?? url, template, prefix });
  return teardown;
}
