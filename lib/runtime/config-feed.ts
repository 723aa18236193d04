import { setTimeout as sleep } from 'node:timers/promises';
import { ReplaySubject, Subject, type Observable } from 'rxjs';
import { Backoff } from '../core/backoff.js';
import { toFailureRecord } from '../core/failure-record.js';
import type { ConfigChange, JobConfig } from '../interfaces/job-config.interface.js';
import type { ConfigStore, Log } from '../interfaces/ports/index.js';
import { GuardedObservable } from './guarded-observable.js';

export type ConfigSnapshot = ReadonlyMap<string, string>;

/**
 * Keeps this process's copy of the config rows. Reads one after another and drops any row older
 * than the one it has, so that its streams never go back in time; they never fail, and complete
 * only at shutdown. Must never be told values, only that something may have changed.
 */
export class ConfigFeed {
  readonly config$: Observable<ConfigSnapshot>;
  readonly changes$: Observable<ConfigChange>;
  private readonly snapshots = new ReplaySubject<ConfigSnapshot>(1);
  private readonly changes = new Subject<ConfigChange>();
  private rows = new Map<string, JobConfig>();
  private snapshot: ConfigSnapshot = new Map();
  private dirty = new Set<string>();
  private dirtyAll = false;
  private loaded = false;
  private stopped = false;
  private refreshing: Promise<void> | undefined;

  constructor(
    private readonly store: ConfigStore,
    private readonly log: Log,
  ) {
    const report = (error: unknown): void => {
      const { message, stack } = toFailureRecord(error);
      this.log.error('A subscriber of the configuration failed', { error: stack ?? message });
    };
    this.config$ = new GuardedObservable(this.snapshots, report);
    this.changes$ = new GuardedObservable(this.changes, report);
  }

  get current(): ConfigSnapshot {
    return this.snapshot;
  }

  /** Reads rows again: these keys, or all. Resolves when a read that began after this call is in. */
  async refresh(keys?: readonly string[]): Promise<void> {
    if (this.stopped) return;
    if (keys) for (const key of keys) this.dirty.add(key);
    else this.dirtyAll = true;
    if (this.refreshing) {
      await this.refreshing;
      if (!this.isDirty()) return;
    }
    await (this.refreshing ??= this.read().finally(() => (this.refreshing = undefined)));
  }

  stop(): void {
    this.stopped = true;
    this.snapshots.complete();
    this.changes.complete();
  }

  private isDirty(): boolean {
    return this.dirtyAll || this.dirty.size > 0;
  }

  private async read(): Promise<void> {
    const backoff = new Backoff();
    while (this.isDirty() && !this.stopped) {
      const keys = this.dirtyAll || !this.loaded ? undefined : [...this.dirty];
      this.dirty.clear();
      this.dirtyAll = false;
      try {
        this.apply(await this.store.read(keys), keys);
      } catch (error) {
        if (keys) for (const key of keys) this.dirty.add(key);
        else this.dirtyAll = true;
        if (!this.loaded) throw error;
        this.log.debug('The configuration could not be read, trying again', { error: String(error) });
        await sleep(backoff.next(), undefined, { ref: false });
      }
    }
  }

  private apply(read: readonly JobConfig[], keys: readonly string[] | undefined): void {
    if (this.stopped) return;
    const found = new Set(read.map((row) => row.key));
    const changes: ConfigChange[] = [];
    for (const row of read) {
      const known = this.rows.get(row.key);
      if (known && known.revision >= row.revision) continue;
      this.rows.set(row.key, row);
      if (known?.value !== row.value) {
        changes.push({ key: row.key, value: row.value, previous: known?.value, revision: row.revision });
      }
    }
    for (const key of keys ?? [...this.rows.keys()]) {
      const known = this.rows.get(key);
      if (!known || found.has(key)) continue;
      this.rows.delete(key);
      changes.push({ key, value: undefined, previous: known.value, revision: undefined });
    }
    if (changes.length === 0 && this.loaded) return;
    this.loaded = true;
    this.snapshot = new Map([...this.rows].map(([key, row]) => [key, row.value]));
    this.snapshots.next(this.snapshot);
    for (const change of changes) this.changes.next(change);
  }
}
