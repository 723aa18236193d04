import type { Channels } from '../../lib/core/schema-name.js';
import { channelsOf } from '../../lib/core/schema-name.js';
import type { TestDatabase } from './database.js';

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
