import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Backoff } from '../core/backoff.js';
import type { Channels } from '../core/schema-name.js';
import { quoteIdentifier } from '../core/schema-name.js';
import type { Log } from '../interfaces/ports/index.js';
import { Heartbeat } from './heartbeat.js';
import { isSessionShared, leadsToItsOwnSession, SharedSessionError } from './pooler.js';

/** What the listener tells. Every one is a hint: the table is the truth. */
export interface ListenerCallbacks {
  /** Work came in for this queue. */
  readonly onWork: (queue: string) => void;
  /** This config row changed; empty for all. */
  readonly onConfig: (key: string) => void;
  /** This job has something for its watchers or its runner. */
  readonly onSignal: (jobId: string) => void;
  /** A process tells of job events, in JSON. */
  readonly onEvents: (payload: string) => void;
  /**
   * Listening has begun, or begun again: whatever came before may have been missed. `direct` tells
   * that the connection leads straight to a session of the server, through no pooler.
   */
  readonly onUp: (direct: boolean) => void;
  readonly onDown: () => void;
}

export interface ListenerOptions {
  readonly connection: pg.ClientConfig;
  readonly channels: Channels;
  readonly heartbeatMs: number;
  readonly heartbeatTimeoutMs: number;
}

/** Behind a pooler LISTEN never works; there is no point in trying all the time. */
const UNFIT_BACKOFF_MS = 60_000;

/**
 * Owns the one connection that listens: connects, subscribes, proves by a heartbeat that
 * notifications arrive, and starts anew when they do not. Started and stopped by the engine; must
 * never open a transaction and never throw.
 */
export class Listener {
  private client: pg.Client | undefined;
  /** Open only while the first proves that it hears through a pooler. */
  private other: pg.Client | undefined;
  private stopping = new AbortController();
  private running: Promise<void> | undefined;
  private runsJobs = true;
  private warned: 'lost' | 'unfit' | undefined;
  private up = false;
  private timesUp = 0;
  private downSince = performance.now();
  /** Notifications of work that arrived. */
  notifications = 0;

  constructor(
    private readonly options: ListenerOptions,
    private readonly callbacks: ListenerCallbacks,
    private readonly log: Log,
  ) {}

  get listening(): boolean {
    return this.up;
  }

  /** For how long it has not listened. */
  get downMs(): number {
    return this.up ? 0 : performance.now() - this.downSince;
  }

  get reconnects(): number {
    return Math.max(0, this.timesUp - 1);
  }

  /** A process that runs no jobs is not woken for them. */
  start(runsJobs: boolean): void {
    this.runsJobs = runsJobs;
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.tearDown();
    await this.running;
  }

  private async run(): Promise<void> {
    const backoff = new Backoff();
    while (!this.stopping.signal.aborted) {
      const unfit = await this.listenUntilLost(() => backoff.reset());
      if (this.stopping.signal.aborted) return;
      const waitMs = unfit ? UNFIT_BACKOFF_MS : backoff.next();
      await sleep(waitMs, undefined, { signal: this.stopping.signal, ref: false }).catch(() => undefined);
    }
  }

  /** One connection's life. Resolves to true when the connection works but notifications do not. */
  private async listenUntilLost(onProven: () => void): Promise<boolean> {
    const client = new pg.Client({ ...this.options.connection, application_name: 'notify-queue listener' });
    const beatChannel = `nq_beat_${randomUUID().replaceAll('-', '')}`;
    const heartbeat = new Heartbeat(
      (nonce) => beat(client, beatChannel, nonce),
      this.options.heartbeatMs,
      this.options.heartbeatTimeoutMs,
    );
    const lost = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.on('end', () => resolve());
    });
    let direct = false;
    try {
      this.client = client;
      await client.connect();
      client.on('notification', ({ channel, payload = '' }) => {
        if (channel === beatChannel) heartbeat.receive(payload);
        else this.dispatch(channel, payload);
      });
      direct = await leadsToItsOwnSession(client);
      if (!direct) await this.proveThroughPooler(client, beatChannel, heartbeat);
      // Only now: where sessions are shared, whoever gets this one next would be subscribed.
      const { jobs, configs, signals, events } = this.options.channels;
      for (const channel of [...(this.runsJobs ? [jobs] : []), configs, signals, events, ...(direct ? [beatChannel] : [])]) {
        await client.query(`LISTEN ${quoteIdentifier(channel)}`);
      }
      if (direct) await heartbeat.prove();
      onProven();
      this.rise(direct);
      await Promise.race([lost, heartbeat.keepProving()]);
      return false;
    } catch (error) {
      // In a session of its own a heartbeat may be late, on a slow server, but not go to somebody else.
      const unfit = error instanceof SharedSessionError || (!direct && !this.up && heartbeat.unanswered);
      this.report(error, unfit);
      return unfit;
    } finally {
      heartbeat.stop();
      this.fall();
      this.tearDown();
    }
  }

  /** Not `end()`, which waits for a server that may be what does not answer. */
  private tearDown(): void {
    this.client?.removeAllListeners('notification');
    for (const client of [this.client, this.other]) {
      (client as unknown as { connection: { stream: Socket } } | undefined)?.connection.stream.destroy();
    }
  }

  private dispatch(channel: string, payload: string): void {
    const { channels } = this.options;
    if (channel === channels.jobs) {
      this.notifications++;
      this.callbacks.onWork(payload);
    } else if (channel === channels.configs) this.callbacks.onConfig(payload);
    else if (channel === channels.signals) this.callbacks.onSignal(payload);
    else if (channel === channels.events) this.callbacks.onEvents(payload);
  }

  /** What a connection sends to itself may come through a pooler although nobody else's does, so another one sends. */
  private async proveThroughPooler(client: pg.Client, beatChannel: string, heartbeat: Heartbeat): Promise<void> {
    const other = new pg.Client({ ...this.options.connection, application_name: 'notify-queue listener' });
    other.on('error', () => undefined);
    this.other = other;
    await other.connect();
    if (await isSessionShared(client, other)) throw new SharedSessionError();
    await client.query(`LISTEN ${quoteIdentifier(beatChannel)}`);
    await heartbeat.prove((nonce) => beat(other, beatChannel, nonce));
    await other.end();
  }

  private rise(direct: boolean): void {
    this.up = true;
    this.warned = undefined;
    if (++this.timesUp > 1) this.log.log('Listening for notifications again', { reconnects: this.reconnects });
    this.callbacks.onUp(direct);
  }

  private fall(): void {
    if (!this.up) return;
    this.up = false;
    this.downSince = performance.now();
    if (!this.stopping.signal.aborted) {
      this.log.warn('The notification connection was lost; polling until it is back');
      this.warned = 'lost';
    }
    this.callbacks.onDown();
  }

  private report(error: unknown, unfit: boolean): void {
    const warned = unfit ? 'unfit' : 'lost';
    // That it will not work here is news to whoever heard of a loss, and not the other way round.
    if (this.warned === 'unfit' || this.warned === warned || this.stopping.signal.aborted) return;
    this.warned = warned;
    if (unfit) {
      this.log.warn(
        'Notifications do not arrive over this connection, as behind PgBouncer in transaction mode; polling instead. ' +
          'Give a direct URL by listen: { url }, or set listen: false to poll without this warning',
      );
    } else {
      this.log.warn('Cannot listen for notifications; polling until it works', { error: String(error) });
    }
  }
}

async function beat(client: pg.Client, channel: string, nonce: string): Promise<void> {
  await client.query('SELECT pg_catalog.pg_notify($1, $2)', [channel, nonce]);
}
