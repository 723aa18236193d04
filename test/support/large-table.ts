import { beforeAll, expect } from 'vitest';
import type { TestDatabase } from './database.js';

/** Looking through such a table at 1,024 pages a sweep takes nine sweeps. */
const MIN_PAGES = 8_192;

/** Fills the table of jobs with so much that a process looks through it in many parts; returns how to add jobs behind all that there are. */
export function useLargeTable(database: TestDatabase): (name: string, count: number, columns?: Record<string, string>) => Promise<string[]> {
  beforeAll(async () => {
    await database.query(`ALTER TABLE notify_queue.jobs SET (autovacuum_enabled = off)`);
    // Rows of this size are not compressed, and two fill what is filled of a page.
    await database.query(
      `INSERT INTO notify_queue.jobs (queue, name, payload, notify)
       SELECT 'elsewhere', 'filler', to_jsonb(repeat('x', 1600)), false FROM generate_series(1, $1::int)`,
      [2 * MIN_PAGES + 100],
    );
  });

  return async (name, count, columns = {}) => {
    const rows = await database.query<{ id: string; page: number; pages: number }>(
      `INSERT INTO notify_queue.jobs (${['name', ...Object.keys(columns)].join(', ')})
       SELECT ${['$1', ...Object.values(columns)].join(', ')} FROM generate_series(1, $2::int)
       RETURNING id, (ctid::text::point)[0]::int AS page,
         (pg_relation_size('notify_queue.jobs') / current_setting('block_size')::int)::int AS pages`,
      [name, count],
    );
    for (const { page, pages } of rows) expect([pages > MIN_PAGES, page > MIN_PAGES - 1_024]).toEqual([true, true]);
    return rows.map(({ id }) => id);
  };
}
