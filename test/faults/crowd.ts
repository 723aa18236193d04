import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { until } from '../support/wait.js';

/** Other clients, who take every connection of a server, and each that becomes free. */
export class Crowd {
  private readonly clients: pg.Client[] = [];
  private refusals = 0;
  private isLeaving = false;
  private readonly coming: Promise<void>;

  constructor(private readonly url: string) {
    this.coming = this.come();
  }

  /** Resolves when no connection is left. */
  async full(): Promise<void> {
    this.refusals = 0;
    await until(() => this.refusals >= 10, { timeout: 20_000 });
  }

  async leave(): Promise<void> {
    this.isLeaving = true;
    await this.coming;
    await Promise.all(this.clients.map((client) => client.end()));
  }

  private async come(): Promise<void> {
    while (!this.isLeaving) {
      const client = new pg.Client({ connectionString: this.url, application_name: 'test' });
      client.on('error', () => undefined);
      try {
        await client.connect();
        this.clients.push(client);
        this.refusals = 0;
      } catch (error) {
        if ((error as { code?: string }).code !== '53300') throw error;
        this.refusals++;
        await sleep(5);
      }
    }
  }
}
