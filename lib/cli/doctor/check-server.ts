import ms from 'ms';
import { printable } from '../output/text.js';
import { ok, problem, warning, type Check, type Finding, type Patient } from './finding.js';

const OLDEST_TESTED = 15;
const CLOCK_TOLERANCE_MS = 1_000;
const CLOCK_LOOKS = 5;

/** The server's version, and how its clock compares with this machine's. */
export async function checkServer({ database }: Patient): Promise<Finding[]> {
  return database.withClient(async (query) => {
    const [row] = await query(`SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major`);
    const text = `PostgreSQL ${String(row?.['version'])}.`;
    const old = Number(row?.['major']) < OLDEST_TESTED;
    const version = old ? warning('server', text, `Tested is ${OLDEST_TESTED} and later.`) : ok('server', text);
    let best = { roundTripMs: Infinity, aheadMs: 0 };
    for (let look = 0; look < CLOCK_LOOKS; look++) {
      const startedAt = performance.now();
      const [time] = await query('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now');
      const roundTripMs = performance.now() - startedAt;
      // The answer was made halfway, more or less.
      if (roundTripMs < best.roundTripMs) best = { roundTripMs, aheadMs: Number(time?.['now']) - (Date.now() - roundTripMs / 2) };
    }
    return [version, clock(best.aheadMs, best.roundTripMs)];
  });
}

function clock(aheadMs: number, roundTripMs: number): Finding {
  const difference = `${Math.round(Math.abs(aheadMs))} ms ${aheadMs < 0 ? 'behind' : 'ahead of'}`;
  const text = `The server's clock is ${difference} this machine's; a round trip takes ${roundTripMs.toFixed(1)} ms.`;
  if (Math.abs(aheadMs) <= CLOCK_TOLERANCE_MS) return ok('clock', text);
  return warning('clock', text, 'Only the server decides what is due, but a `runAt` that the application computes is off by that much. Synchronise the clocks.');
}

const HOLDERS = `
SELECT 'Backend ' || pid || CASE WHEN application_name <> '' THEN ' (' || application_name || ')' ELSE '' END AS who,
  'has had a transaction open for' AS what, xact_start AS since, age(backend_xmin) AS age
FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
  AND (datname = current_database() OR backend_type = 'walsender')
UNION ALL SELECT 'Replication slot ' || slot_name, 'is not used', NULL, greatest(age(xmin), age(catalog_xmin)) FROM pg_replication_slots
  WHERE NOT active AND (xmin IS NOT NULL OR catalog_xmin IS NOT NULL)
UNION ALL SELECT 'Prepared transaction ' || gid, 'has not been finished for', prepared, age(transaction) FROM pg_prepared_xacts WHERE database = current_database()`;

/** Who has kept dead rows from being removed for longer than this. */
export const checkVacuum = (maxMs: number): Check => async ({ database }) => {
  const rows = await database.withClient((query) =>
    query(`SELECT who, what, (extract(epoch FROM clock_timestamp() - since) * 1000)::float8 AS held_ms FROM (${HOLDERS}) h ORDER BY age DESC LIMIT 5`),
  );
  const holders = rows.filter((row) => row['held_ms'] === null || Number(row['held_ms']) > maxMs);
  if (holders.length === 0) return [ok('vacuum', 'Nobody keeps dead rows for long.')];
  return holders.map((row) => {
    const held = row['held_ms'] === null ? '' : ` ${ms(Math.round(Number(row['held_ms'])))}`;
    return warning('vacuum', `${printable(String(row['who']))} ${String(row['what'])}${held}: dead rows stay in every table, and reserves get slower.`, 'End it: pg_terminate_backend(pid), pg_drop_replication_slot(name) or ROLLBACK PREPARED.');
  });
};

/** For a database that cannot be reached at all. */
export function unreachable(text: string): Finding {
  return problem('server', text, 'Correct it, and run doctor again.');
}
