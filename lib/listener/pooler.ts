import type pg from 'pg';

/** An idle pooler shows it at the first look, a busy one within some. */
const LOOKS = 3;

/** Whoever listens here hears nothing: a pooler gives the session to others. */
export class SharedSessionError extends Error {}

/** A pooler gives its clients a process id of its own making, so that it can route their cancel requests. */
export async function leadsToItsOwnSession(client: pg.Client): Promise<boolean> {
  return (await sessionOf(client)) === (client as unknown as { processID: number }).processID;
}

/**
 * Whether a pooler lends sessions out by the transaction, so that two clients meet in one, or one client sees
 * two. No is not certain; a yes leaves no trace in a session that others will get, as LISTEN would.
 */
export async function isSessionShared(client: pg.Client, other: pg.Client): Promise<boolean> {
  const session = await sessionOf(client);
  for (let look = 0; look < LOOKS; look++) {
    if ((await sessionOf(other)) === session || (await sessionOf(client)) !== session) return true;
  }
  return false;
}

async function sessionOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number | string }>('SELECT pg_catalog.pg_backend_pid() AS pid');
  return Number(rows[0]?.pid);
}
