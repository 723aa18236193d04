// The database of this process: the one that DATABASE_URL names, or one that the sample starts.
import { join } from 'node:path';
import type { Settings } from '../settings.js';
import { startEmbeddedPostgres } from './embedded-postgres.js';

export class Database {
  static async open(settings: Settings): Promise<Database> {
    if (settings.databaseUrl) {
      return new Database(settings.databaseUrl, async () => undefined);
    }
    const server = await startEmbeddedPostgres({
      dataDirectory: join(settings.dataDirectory, 'postgres'),
    });
    return new Database(server.url, () => server.stop());
  }

  private constructor(
    readonly url: string,
    /** Stops what `open` started; nothing for a server that was there before. */
    readonly stop: () => Promise<void>,
  ) {}
}
