import type { Channels } from '../../lib/core/schema-name.js';
import { channelsOf } from '../../lib/core/schema-name.js';
import type { TestDatabase } from './database.js';
import { until } from './wait.js';

export interface Heard {
  readonly channel: keyof Channels;
  readonly payload: string;
}

/** Listens as any client could, and answers with what came since the last question. */
export async function listen(database: TestDatabase, schema = 'notify_queue'): Promise<() => Promise<Heard[]>> {
  const client = await database.client();
  const channels = channelsOf(schema);
  const names = Object.keys(channels) as Array<keyof Channels>;
  let heard: Heard[] = [];
  client.on('notification', ({ channel, payload = '' }) => {
    const name = names.find((one) => channels[one] === channel);
    if (name) heard.push({ channel: name, payload });
  });
  for (const name of names) await client.query(`LISTEN "${channels[name]}"`);
  return async () => {
    // A server sends what was notified before it answers the next statement.
    await client.query('SELECT 1');
    const answer = heard;
    heard = [];
    return answer;
  };
}

/** The server's processes of listeners that are subscribed and whose heartbeat has come back. */
export async function listenerPids(database: TestDatabase): Promise<number[]> {
  const rows = await database.query(
    `SELECT pid FROM pg_stat_activity
     WHERE application_name = 'notify-queue listener' AND datname = current_database() AND query LIKE '%pg_notify%' ORDER BY pid`,
  );
  return rows.map(({ pid }) => pid as number);
}

/** Waits until so many instances listen, which they begin to do after they have started. */
export async function untilListening(database: TestDatabase, count = 1): Promise<void> {
  await until(async () => (await listenerPids(database)).length >= count, { message: `not ${count} instance(s) listen` });
}
