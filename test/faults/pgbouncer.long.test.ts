import { describe, expect, it } from 'vitest';
import { KNOWS_PREPARED_STATEMENTS, PGBOUNCER_VERSION, PgBouncer } from './pgbouncer.js';
import { pooledWithDirectListener, pooledWorkers } from './scenarios/pooled.js';
import { OPTIONS, useFaults } from './use-faults.js';

if (!PGBOUNCER_VERSION) console.warn('27 is skipped: there is no pgbouncer on the PATH');

const SETTINGS: Array<Record<string, number>> = [{}, ...(KNOWS_PREPARED_STATEMENTS ? [{ max_prepared_statements: 0 }] : [])];

describe.skipIf(!PGBOUNCER_VERSION)('faults', OPTIONS, () => {
  const faults = useFaults();

  it.each(SETTINGS)('27: all connections go through PgBouncer in transaction mode, %j', async (settings) => {
    const pgbouncer = await PgBouncer.forTest(faults.server.url, settings);
    const through = (url: string): string => pgbouncer.urlOf(url);
    expect(await faults.after((it) => pooledWorkers(it, pgbouncer), { through })).toEqual([]);
  });
  it.each(SETTINGS)('27: all connections but that of the listener go through PgBouncer, %j', async (settings) => {
    const pgbouncer = await PgBouncer.forTest(faults.server.url, settings);
    const through = (url: string): string => pgbouncer.urlOf(url);
    const after = faults.after((it) => pooledWithDirectListener(it, pgbouncer), { through, listensStraight: true });
    expect(await after).toEqual([]);
  });
});
