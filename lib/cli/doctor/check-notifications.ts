import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { isSessionShared, leadsToItsOwnSession } from '../../listener/pooler.js';
import { oneLine } from '../cli-error.js';
import { ok, problem, warning, type Finding, type Patient } from './finding.js';

const CHECK = 'notifications';
const ROUND_TRIP_TIMEOUT_MS = 3_000;
const SLOW_MS = 250;
const FULL = 0.1;

/** Whether a notification arrives over this URL, how fast, and what is in between. */
export async function checkNotifications({ database, url }: Patient): Promise<Finding[]> {
  const [client, other] = [1, 2].map(() => new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, application_name: 'notify-queue doctor' })) as [pg.Client, pg.Client];
  for (const one of [client, other]) one.on('error', () => undefined);
  try {
    await client.connect();
    await other.connect();
    const direct = await leadsToItsOwnSession(client);
    const advice = 'Give the LISTEN connection a direct URL: NotifyQueueModule.forRoot({ listen: { url } }). Until then processes poll once a second.';
    if (!direct && (await isSessionShared(client, other))) {
      return [problem(CHECK, 'This URL leads to a pooler that shares its sessions, such as PgBouncer in transaction mode: LISTEN hears nothing there.', advice)];
    }
    const roundTripMs = await roundTrip(client, other);
    if (roundTripMs === undefined) return [problem(CHECK, `A notification did not arrive within ${ROUND_TRIP_TIMEOUT_MS} ms.`, advice)];
    const by = direct ? '' : ', through a pooler that keeps sessions apart';
    const text = `A notification arrived in ${roundTripMs.toFixed(1)} ms${by}.`;
    const first = roundTripMs > SLOW_MS ? warning(CHECK, text, 'Look at the load of the server, and at the network.') : ok(CHECK, text);
    return [first, ...(await checkQueue(database))];
  } catch (error) {
    return [problem(CHECK, `Could not be tried: ${oneLine(error)}.`, 'Allow two more connections, and try again.')];
  } finally {
    await Promise.all([client.end(), other.end()].map((ended) => ended.catch(() => undefined)));
  }
}

async function roundTrip(client: pg.Client, other: pg.Client): Promise<number | undefined> {
  const channel = `nq_doctor_${randomBytes(8).toString('hex')}`;
  await client.query(`LISTEN ${channel}`);
  const startedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const arrived = new Promise<number | undefined>((resolve) => {
    client.once('notification', () => resolve(performance.now() - startedAt));
    timer = setTimeout(() => resolve(undefined), ROUND_TRIP_TIMEOUT_MS);
  });
  try {
    await other.query('SELECT pg_catalog.pg_notify($1, $2)', [channel, '']);
    return await arrived;
  } finally {
    clearTimeout(timer);
    await client.query(`UNLISTEN ${channel}`);
  }
}

/** PostgreSQL keeps notifications until every listener of the database has read them. */
async function checkQueue(database: Patient['database']): Promise<Finding[]> {
  const [row] = await database.withClient((query) => query('SELECT pg_notification_queue_usage()::float8 AS usage'));
  const usage = Number(row?.['usage']);
  if (usage < FULL) return [];
  const advice = 'Find the listener that does not read: a session that listens and has had a transaction open for long.';
  return [problem(CHECK, `The server's notification queue is ${Math.round(usage * 100)} % full; when it is full, commits fail.`, advice)];
}
