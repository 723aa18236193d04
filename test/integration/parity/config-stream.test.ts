import { combineLatest, firstValueFrom, map, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { toBoolean, toNumber, type ConfigChange } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import type { TestApp } from '../../support/app.js';
import { useTestDatabase } from '../../support/database.js';
import { untilListening } from '../../support/notifications.js';
import { until } from '../../support/wait.js';

describe('config$', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const write = (key: string, value: string): Promise<unknown> =>
    database.query(`INSERT INTO notify_queue.job_configs (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2`, [key, value]);

  /** Everything that a stream has shown of one key so far. */
  function follow({ configs }: TestApp, key: string): Array<string | undefined> {
    const seen: Array<string | undefined> = [];
    configs.config$.subscribe((snapshot) => void (seen.at(-1) === snapshot.get(key) || seen.push(snapshot.get(key))));
    return seen;
  }

  it('shows the current values on subscribing, then each change, on every instance and from plain SQL too', async () => {
    await write('vat', '19');
    const apps = [await start(), await start()];
    const seen = apps.map((app) => follow(app, 'vat'));
    expect(seen).toEqual([['19'], ['19']]);
    await apps[0]!.configs.set('vat', '7');
    await until(() => seen.every((values) => values.includes('7')), { timeout: 3_000 });
    await write('vat', '8');
    await until(() => seen.every((values) => values.includes('8')), { timeout: 3_000 });
    await apps[1]!.configs.delete('vat');
    await until(() => seen.every((values) => values.at(-1) === undefined), { timeout: 3_000 });
    expect(seen).toEqual([['19', '7', '8', undefined], ['19', '7', '8', undefined]]);
  });

  it('shows a late subscriber the current values, at once', async () => {
    const app = await start();
    await app.configs.set('late', 'here');
    let shown: string | undefined;
    app.configs.config$.subscribe((snapshot) => (shown = snapshot.get('late'))).unsubscribe();
    expect(shown).toBe('here');
    expect(await firstValueFrom(app.configs.config$.pipe(map((snapshot) => snapshot.get('late'))))).toBe('here');
  });

  it('shows a process its own write as soon as the call has returned', async () => {
    const app = await start();
    const seen = follow(app, 'own');
    for (let n = 0; n < 20; n++) {
      await app.configs.set('own', `${n}`);
      expect(seen.at(-1)).toBe(`${n}`);
    }
  });

  it('never shows an older value after a newer one, under 16 writers on 3 instances, and ends right', async () => {
    const apps = await Promise.all([start(), start(), start()]);
    const revisions = apps.map(() => new Map<string, number[]>());
    for (const [n, { configs }] of apps.entries()) {
      configs.changes$.subscribe(({ key, revision }) => {
        if (revision !== undefined) revisions[n]!.set(key, [...(revisions[n]!.get(key) ?? []), revision]);
      });
    }
    const writer = async (id: number): Promise<void> => {
      for (let n = 0; n < 25; n++) await apps[id % 3]!.configs.set(`key ${n % 4}`, `${id}/${n}`);
    };
    await Promise.all(Array.from({ length: 16 }, (_, id) => writer(id)));
    await Promise.all(apps.map(({ configs }) => configs.set('end', 'now')));
    const truth = new Map((await apps[0]!.configs.list()).map(({ key, value }) => [key, value]));
    for (const { configs } of apps) {
      const isTrue = (snapshot: ReadonlyMap<string, string>) => [...truth].every(([key, value]) => snapshot.get(key) === value);
      await until(async () => isTrue(await firstValueFrom(configs.config$)), { timeout: 5_000 });
    }
    for (const perKey of revisions) {
      for (const list of perKey.values()) expect(list).toEqual([...new Set(list)].sort((a, b) => a - b));
    }
  });

  it('is right again after a lost connection: what was written meanwhile is read, and the next change is heard', async () => {
    const app = await start();
    const seen = follow(app, 'meanwhile');
    await untilListening(database);
    await database.query(
      `WITH cut AS (SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
         WHERE application_name = 'notify-queue listener' AND datname = current_database())
       INSERT INTO notify_queue.job_configs (key, value) SELECT 'meanwhile', 'written' FROM cut`,
    );
    await until(() => seen.at(-1) === 'written', { timeout: 5_000 });
    await untilListening(database);
    await write('meanwhile', 'heard');
    await until(() => seen.at(-1) === 'heard', { timeout: 5_000 });
    expect(seen).toEqual(['written', 'heard']);
  });

  it('a transaction’s write is shown at its commit, and a rolled-back one never', async () => {
    const app = await start();
    const changes: ConfigChange[] = [];
    app.configs.changes$.subscribe((change) => changes.push(change));
    await app.dataSource.transaction(async (manager) => {
      await app.configs.set('tx', 'committed', { manager });
      expect((await firstValueFrom(app.configs.config$)).has('tx')).toBe(false);
    });
    await until(() => changes.length === 1, { timeout: 3_000 });
    const rolledBack = app.dataSource.transaction(async (manager) => {
      await app.configs.set('tx', 'never', { manager });
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    await app.configs.set('tx', 'afterwards');
    expect(changes.map(({ value, previous }) => [previous, value])).toEqual([[undefined, 'committed'], ['committed', 'afterwards']]);
  });

  it('outlives subscribers that throw, errors in a pipe, and complaints of neither reach the process', async () => {
    const app = await start();
    const values: unknown[] = [];
    app.configs.config$.subscribe(() => {
      throw new Error('bad subscriber');
    });
    app.configs.config$.pipe(map((snapshot) => (snapshot as never as { get(): { length: number } }).get().length)).subscribe(() => undefined);
    const caught: unknown[] = [];
    app.configs.config$.pipe(map(() => { throw new Error('bad pipe'); })).subscribe({ error: (error: Error) => caught.push(error.message) });
    app.configs.config$.subscribe((snapshot) => values.push(snapshot.get('hardy')));
    await app.configs.set('hardy', 'one');
    await app.configs.set('hardy', 'two');
    expect(values).toEqual([undefined, 'one', 'two']);
    expect(caught).toEqual(['bad pipe']);
    expect(app.logger.of('error').every((text) => text === 'A subscriber of the configuration failed')).toBe(true);
    expect(app.logger.of('error').length).toBeGreaterThanOrEqual(4);
  });

  it('combines with other streams, and completes when the application closes', async () => {
    const app = await start();
    const combined: unknown[] = [];
    let completed = false;
    combineLatest([app.configs.watch('on', { parse: toBoolean, default: false }), of('x')]).subscribe({
      next: (value) => combined.push(value),
      complete: () => (completed = true),
    });
    await app.configs.set('on', 'true');
    await app.close();
    expect(combined).toEqual([[false, 'x'], [true, 'x']]);
    expect(completed).toBe(true);
  });

  it('watch shows only changes of its row, keeps the last good value where a text cannot be parsed, and says so', async () => {
    const app = await start();
    const seen: number[] = [];
    app.configs.watch('rate', { parse: toNumber, default: 1 }).subscribe((rate) => seen.push(rate));
    await app.configs.set('other', 'x');
    await app.configs.set('rate', '2');
    await app.configs.set('rate', 'two');
    await app.configs.set('rate', '2.0');
    await app.configs.set('rate', '3');
    await app.configs.delete('rate');
    expect(seen).toEqual([1, 2, 3, 1]);
    expect(app.logger.of('error')).toEqual(["Config 'rate' has a value that cannot be used; the last good one stays"]);
  });
});
