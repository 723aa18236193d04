import { parseRate, RATE_EXPECTED } from './core/rate.js';
import type { KeepMs, Log, Rate } from './interfaces/ports/index.js';
import { badSetting } from './notify-queue.messages.js';
import { queueOptionsOf, type ResolvedOptions } from './notify-queue.options.js';
import { MAX_CONCURRENCY, parseRetention, RETENTION_EXPECTED } from './queue-options.js';
import type { QueueSettings } from './runtime/runner-tools.js';

type Snapshot = ReadonlyMap<string, string>;
type Parse<T> = (text: string) => T | undefined;

const NONE = 'none';
const CONCURRENCY_EXPECTED = `an integer from 1 to ${MAX_CONCURRENCY}`;
const concurrency: Parse<number> = (text) => {
  const value = /^\d{1,5}$/.test(text.trim()) ? Number(text) : Number.NaN;
  return value >= 1 && value <= MAX_CONCURRENCY ? value : undefined;
};

interface Setting<T> {
  /** What stands behind the queue's name in the key of its config row. */
  readonly suffix: string;
  readonly parse: Parse<T>;
  readonly expected: string;
}

const orNone = <T>(parse: Parse<T>): Parse<T | null> => (text) => (text.trim() === NONE ? null : parse(text));
const CONCURRENCY: Setting<number> = { suffix: '_concurrency', parse: concurrency, expected: CONCURRENCY_EXPECTED };
const GLOBAL: Setting<number | null> = { suffix: '_global_concurrency', parse: orNone(concurrency), expected: `${CONCURRENCY_EXPECTED}, or 'none'` };
const RATE: Setting<Rate | null> = { suffix: '_rate', parse: orNone(parseRate), expected: RATE_EXPECTED };
const GROUP_CONCURRENCY: Setting<number> = { ...CONCURRENCY, suffix: '_group_concurrency' };
const GROUP_RATE: Setting<Rate | null> = { ...RATE, suffix: '_group_rate' };
const COMPLETED: Setting<number | null> = { suffix: '_retention_completed', parse: parseRetention, expected: RETENTION_EXPECTED };
const ABANDONED: Setting<number | null> = { ...COMPLETED, suffix: '_retention_abandoned' };

/**
 * What config rows say of queues while they run, over what their options say: `mail_concurrency`, `mail_global_concurrency`,
 * `mail_rate`, `mail_group_concurrency`, `mail_group_rate`, `mail_retention_completed`, `mail_retention_abandoned`; and for one group
 * `mail_group_concurrency:<group>`, `mail_group_rate:<group>`. A text that cannot be used is reported once, and the last good value stays.
 */
export class ConfiguredQueues {
  private readonly good = new Map<string, { readonly text: string; readonly value: unknown }>();
  private readonly reported = new Map<string, string>();
  private settings = new Map<string, QueueSettings>();

  constructor(
    private readonly options: ResolvedOptions,
    private readonly log: Log,
  ) {}

  of(queue: string): QueueSettings {
    return this.settings.get(queue) ?? this.read(queue, new Map());
  }

  /** Takes over what the rows say. Answers the queues for which something has changed. */
  apply(snapshot: Snapshot, queues: Iterable<string>): string[] {
    const changed: string[] = [];
    for (const queue of queues) {
      const before = this.settings.get(queue);
      const settings = this.read(queue, snapshot);
      this.settings.set(queue, settings);
      if (before && JSON.stringify(before) !== JSON.stringify(settings)) changed.push(queue);
    }
    return changed;
  }

  private read(queue: string, snapshot: Snapshot): QueueSettings {
    const options = queueOptionsOf(this.options, queue);
    const get = <T>(setting: Setting<T>, fallback: T): T => this.value(snapshot, `${queue}${setting.suffix}`, setting, fallback);
    const abandoned = get(ABANDONED, options.keepAbandonedMs);
    const keepMs: KeepMs = { completed: get(COMPLETED, options.keepCompletedMs), abandoned, cancelled: abandoned };
    const groupRate = get(GROUP_RATE, options.groupRate ?? null);
    return {
      concurrency: get(CONCURRENCY, options.concurrency),
      globalConcurrency: get(GLOBAL, options.globalConcurrency ?? null) ?? undefined,
      rate: get(RATE, options.rate ?? null) ?? undefined,
      keepMs,
      groups: JSON.stringify({
        concurrency: get(GROUP_CONCURRENCY, options.groupConcurrency),
        ...groupRate,
        groups: this.ofGroups(queue, snapshot),
      }),
      hasGroupRate: groupRate !== null || [...snapshot.keys()].some((key) => key.startsWith(`${queue}${GROUP_RATE.suffix}:`)),
    };
  }

  private ofGroups(queue: string, snapshot: Snapshot): object | undefined {
    // A group may be called '__proto__'.
    const groups: Record<string, object> = Object.create(null);
    for (const [setting, toPolicy] of [
      [GROUP_CONCURRENCY, (value: unknown) => ({ concurrency: value })],
      [GROUP_RATE, (value: unknown) => value ?? { rate: 1e9, burst: 1_000_000 }],
    ] as const) {
      const prefix = `${queue}${setting.suffix}:`;
      for (const key of snapshot.keys()) {
        if (!key.startsWith(prefix)) continue;
        const value = this.value<unknown>(snapshot, key, setting as Setting<unknown>, undefined);
        const group = key.slice(prefix.length);
        if (value !== undefined) groups[group] = { ...groups[group], ...toPolicy(value) };
      }
    }
    return Object.keys(groups).length > 0 ? groups : undefined;
  }

  private value<T>(snapshot: Snapshot, key: string, { parse, expected }: Setting<T>, fallback: T): T {
    const text = snapshot.get(key);
    if (text === undefined) {
      this.good.delete(key);
      return fallback;
    }
    const value = parse(text);
    if (value !== undefined) {
      this.good.set(key, { text, value });
      return value;
    }
    if (this.reported.get(key) !== text) this.log.error(badSetting(key, text, expected), { key });
    this.reported.set(key, text);
    const good = this.good.get(key);
    return good ? (good.value as T) : fallback;
  }
}
