import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { EntityManager } from 'typeorm';
import { DatabaseUnavailableError, QueueClosedError } from '../errors/database.errors.js';
import { adviceOn, driverErrorOf, isConnectionError, isRetryable, toQueueError } from './database-errors.js';
import type { Statement } from './statement.js';

/** A row as text: see `Statement` for why nothing is parsed. */
export type Row = Record<string, string | number | null>;

export interface DatabaseOptions {
  readonly connection: pg.ClientConfig;
  /** After this time without an answer a connection is given up. */
  readonly queryTimeoutMs: number;
  readonly onIdleError: (error: Error) => void;
}

const POOL_SIZE = 2;
const MAX_TRIES = 5;
/**
 * A plan made while the table of jobs is empty is kept until the next analysis, however large the table becomes:
 * it must neither scan that table from end to end nor compare each row with each finish.
 */
const PLANNING = ['jit = off', 'enable_seqscan = off', 'enable_nestloop = off'];
/** The role or the database may name schemas in which somebody else made functions and operators like those that statements use. */
const NAMES = 'search_path = pg_catalog, pg_temp';
const AS_TEXT = { getTypeParser: () => (value: string) => value };

/**
 * Owns the small pool that the queue's own statements run on, so that a user's exhausted pool never
 * starves a heartbeat. Every statement runs at read committed, whatever the database's default: at
 * a stricter level concurrent reserves fail. Must never hold one connection while asking for another.
 */
export class Database {
  private readonly pool: pg.Pool;
  /** Connections whose session has been set up. */
  private readonly prepared = new WeakSet<pg.PoolClient>();

  /** Whether a connection leads to one session of the server. Behind a transaction pooler it does not. */
  private ownsSessions = false;
  private closed = false;

  constructor(private readonly options: DatabaseOptions) {
    this.pool = new pg.Pool({
      ...options.connection,
      application_name: 'notify-queue engine',
      max: POOL_SIZE,
      idleTimeoutMillis: 60_000,
      query_timeout: options.queryTimeoutMs,
      types: AS_TEXT,
    } as pg.PoolConfig);
    this.pool.on('error', options.onIdleError);
    // Without a listener, a connection that breaks while it is in use would end the process. It may break in the very
    // packet that opens it, before whoever asked for it goes on.
    this.pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /**
   * Runs a statement on a connection of our own. Calls `onFirstRow` when the first row has arrived, and once more if
   * the statement had to be repeated.
   *
   * @throws DatabaseUnavailableError
   */
  async run(statement: Statement, params: unknown[], doing: string, onFirstRow?: (row: Row) => void): Promise<Row[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.runOnce(statement, params, onFirstRow);
      } catch (error) {
        if (isRetryable(error) && attempt < MAX_TRIES) {
          await sleep(Math.random() * 10 * 2 ** attempt);
          continue;
        }
        throw toQueueError(error, doing);
      }
    }
  }

  /** Runs a statement in the caller's transaction, and otherwise leaves that transaction alone. */
  async runWith(manager: EntityManager, statement: Statement, params: unknown[], doing: string): Promise<Row[]> {
    try {
      const rows: unknown = await manager.query(statement.text, params);
      return Array.isArray(rows) ? (rows as Row[]) : [];
    } catch (error) {
      // A serialization failure in the caller's transaction is the caller's to see and retry.
      const driverError = driverErrorOf(error);
      const queueError = toQueueError(driverError, doing);
      throw queueError === driverError ? error : queueError;
    }
  }

  /** One connection for several statements, such as migrations. */
  async withClient<T>(
    work: (query: (sql: string, params?: unknown[]) => Promise<Row[]>) => Promise<T>,
    timeoutMs: number = this.options.queryTimeoutMs,
  ): Promise<T> {
    const client = await this.checkOut();
    let failure: Error | undefined;
    try {
      return await work(async (sql, params) => {
        const query = { text: sql, values: params, query_timeout: timeoutMs };
        const result: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query(query);
        return Array.isArray(result) ? [] : result.rows;
      });
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      client.release(failure && isConnectionError(failure) ? failure : undefined);
    }
  }

  /**
   * Tells that connections lead straight to the server, as a heartbeat of the listener proves. Until
   * then nothing is set in a session and nothing prepared: behind a pooler others would get it.
   */
  trustSessions(): void {
    this.ownsSessions = true;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.pool.end();
  }

  private async runOnce(statement: Statement, params: unknown[], onFirstRow?: (row: Row) => void): Promise<Row[]> {
    const client = await this.checkOut();
    let broken: Error | undefined;
    try {
      if (statement.planning || !this.prepared.has(client)) return await this.runInTransaction(client, statement, params, onFirstRow);
      return await query(client, { name: statement.name || undefined, text: statement.text, values: params }, onFirstRow);
    } catch (error) {
      if (isConnectionError(error)) broken = error as Error;
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** Sets nothing that outlives the transaction. */
  private async runInTransaction(client: pg.PoolClient, { text, planning }: Statement, values: unknown[], onFirstRow?: (row: Row) => void): Promise<Row[]> {
    await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; ${this.settings('SET LOCAL', planning)}`);
    try {
      const rows = await query(client, { text, values }, onFirstRow);
      await client.query('COMMIT');
      return rows;
    } catch (error) {
      if (!isConnectionError(error)) await client.query('ROLLBACK');
      throw error;
    }
  }

  private settings(set: 'SET' | 'SET LOCAL', planning: readonly string[] = []): string {
    const settings = [`TimeZone = 'UTC'`, `DateStyle = 'ISO'`, NAMES, ...PLANNING, ...planning, `statement_timeout = ${this.options.queryTimeoutMs}`];
    return settings.map((setting) => `${set} ${setting}`).join('; ');
  }

  private async checkOut(): Promise<pg.PoolClient> {
    if (this.closed) {
      throw new QueueClosedError('The application has shut down, and the queue with it. Nothing was sent to the database.');
    }
    const client = await this.connect();
    if (!this.ownsSessions || this.prepared.has(client)) return client;
    try {
      await client.query(
        `${this.settings('SET')}; SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
        SET plan_cache_mode = force_generic_plan`,
      );
    } catch (error) {
      client.release(error as Error);
      throw error;
    }
    this.prepared.add(client);
    return client;
  }

  private async connect(): Promise<pg.PoolClient> {
    try {
      return await this.pool.connect();
    } catch (error) {
      const { message, code } = error as { message?: string; code?: string };
      const advice = adviceOn(error) || "Check that it is up, and the data source's host, port and credentials.";
      throw new DatabaseUnavailableError(`PostgreSQL did not accept a connection: ${message || code}. ${advice}`, {
        cause: error,
        mayHaveRun: false,
      });
    }
  }
}

function query(client: pg.PoolClient, config: pg.QueryConfig, onFirstRow: (row: Row) => void = () => undefined): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const sent = new pg.Query<Row>(config, (error, result) => (error ? reject(error) : resolve(result.rows)));
    sent.once('row', onFirstRow);
    client.query(sent);
  });
}
