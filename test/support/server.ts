import pg from 'pg';

/** The server of this test run, as the global set-up provides it. */
export interface TestServer {
  /** Connects to it as a role that may create databases. */
  url: string;
  /** The way by which applications reach it: straight, or through the pooler that `APPLICATION_DATABASE_URL` names. */
  applicationUrl: string;
  /** The migrated database that test databases are cloned from. */
  template: string;
  /** How the names of all databases of this run begin. */
  prefix: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    server: TestServer;
  }
}

/** The same server, another database. */
export function databaseUrl(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
}

/** Lends a connection. */
export async function withClient<T>(
  url: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'test-admin' });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

export async function dropDatabases(admin: pg.Client, prefix: string): Promise<void> {
  const { rows } = await admin.query<{ datname: string }>(
    'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
    [prefix],
  );
  for (const { datname } of rows) await admin.query(`DROP DATABASE "${datname}" WITH (FORCE)`);
}
