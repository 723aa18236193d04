import { randomUUID } from 'node:crypto';
import pg from 'pg';

/** A table without triggers: what a committed insert costs at least. */
export class PlainTable {
  static async create(url) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(
      'CREATE TABLE IF NOT EXISTS plain_jobs (id uuid PRIMARY KEY, run_at timestamptz NOT NULL DEFAULT now(), payload jsonb NOT NULL)',
    );
    return new PlainTable(client);
  }

  constructor(client) {
    this.client = client;
  }

  async insert(payload) {
    await this.client.query({
      name: 'insert',
      text: 'INSERT INTO plain_jobs (id, payload) VALUES ($1, $2)',
      values: [randomUUID(), JSON.stringify(payload)],
    });
  }

  async close() {
    await this.client.end();
  }
}
