import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { firstValueFrom } from 'rxjs';
import { ConfigExistsError, ConfigNotFoundError, InvalidConfigValueError, toBoolean, toNumber } from '../../../lib/index.js';
import { startApp, type TestApp } from '../../support/app.js';
import { useTestDatabase } from '../../support/database.js';
import { until } from '../../support/wait.js';

describe('the configuration', () => {
  const database = useTestDatabase();
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ url: database.url, queue: { sweepInterval: '1m' } });
  });
  beforeEach(() => database.query('DELETE FROM notify_queue.job_configs'));
  afterAll(() => app?.close());

  it('creates, gets, lists, updates and deletes rows', async () => {
    const { configs } = app;
    const created = await configs.create('vat', '19');
    expect(created).toMatchObject({ key: 'vat', value: '19', revision: expect.any(Number), createdAt: expect.any(Date) });
    expect(await configs.get('vat')).toEqual(created);
    const updated = await configs.update('vat', '7');
    expect(updated).toMatchObject({ key: 'vat', value: '7', createdAt: created.createdAt });
    expect(updated.revision).toBeGreaterThan(created.revision);
    expect(updated.updatedAt.getTime()).toBeGreaterThanOrEqual(created.updatedAt.getTime());
    await configs.create('currency', 'EUR');
    expect((await configs.list()).map(({ key, value }) => [key, value])).toEqual([['currency', 'EUR'], ['vat', '7']]);
    await configs.delete('vat');
    expect((await configs.list()).map(({ key }) => key)).toEqual(['currency']);
  });

  it('takes a row where it takes a key', async () => {
    const { configs } = app;
    const row = await configs.create('vat', '19');
    const updated = await configs.update(row, '7');
    expect(await configs.get('vat')).toEqual(updated);
    await configs.delete(row);
    await expect(configs.update(row, '19')).rejects.toThrow(ConfigNotFoundError);
    await expect(configs.delete(row)).rejects.toThrow(ConfigNotFoundError);
  });

  it('set writes either way', async () => {
    const { configs } = app;
    const first = await configs.set('vat', '19');
    const second = await configs.set('vat', '7');
    expect(second).toMatchObject({ value: '7', createdAt: first.createdAt });
    expect(await configs.list()).toEqual([second]);
  });

  it('refuses with typed errors: not found, an existing key, a bad value', async () => {
    const { configs } = app;
    await configs.create('vat', '19');
    await expect(configs.get('none')).rejects.toThrow(ConfigNotFoundError);
    await expect(configs.update('none', 'x')).rejects.toThrow(ConfigNotFoundError);
    await expect(configs.delete('none')).rejects.toThrow(ConfigNotFoundError);
    await expect(configs.create('vat', '7')).rejects.toThrow(ConfigExistsError);
    await expect(configs.set('vat', ' ')).rejects.toThrow(InvalidConfigValueError);
    await expect(configs.update('vat', 7 as never)).rejects.toThrow(InvalidConfigValueError);
    expect((await configs.get('vat')).value).toBe('19');
  });

  it('twenty creators of one key: one succeeds, the others hear that it exists', async () => {
    const answers = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => app.configs.create('raced', `by ${n}`)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refused = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason as unknown);
    expect(refused.every((reason) => reason instanceof ConfigExistsError)).toBe(true);
  });

  it('a row that is made anew has a higher revision than the one before, however long it waits for its key', async () => {
    // Fires after the revision was drawn.
    await database.query(`
      CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(14); RETURN NEW; END';
      CREATE TRIGGER wait BEFORE INSERT ON notify_queue.job_configs FOR EACH ROW WHEN (NEW.value = 'late') EXECUTE FUNCTION wait()`);
    const holder = await database.client();
    await holder.query('SELECT pg_advisory_lock(14)');
    const late = app.configs.set('raced', 'late');
    await until(async () => (await database.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).length > 0);
    const early = await app.configs.set('raced', 'early');
    await app.configs.delete('raced');
    await holder.end();
    await late;
    await database.query('DROP FUNCTION wait CASCADE');
    expect((await app.configs.get('raced')).revision).toBeGreaterThan(early.revision);
    expect((await firstValueFrom(app.configs.config$)).get('raced')).toBe('late');
  });

  it('takes part in a transaction, and leaves nothing after a rollback', async () => {
    const { configs, dataSource } = app;
    await configs.set('kept', 'before');
    const rolledBack = dataSource.transaction(async (manager) => {
      await configs.create('new', 'row', { manager });
      await configs.update('kept', 'after', { manager });
      expect((await configs.get('kept', { manager })).value).toBe('after');
      expect((await configs.list({ manager })).map(({ key }) => key)).toEqual(['kept', 'new']);
      await configs.delete('kept', { manager });
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect((await configs.list()).map(({ key, value }) => [key, value])).toEqual([['kept', 'before']]);
    const current = await firstValueFrom(configs.config$);
    expect([...current]).toEqual([['kept', 'before']]);
  });

  it('is read with types', async () => {
    const { configs } = app;
    const on = configs.watch('on', { parse: toBoolean, default: true });
    const vat = configs.watch('vat', { parse: toNumber, default: 19 });
    const rules = configs.watch('rules', { parse: JSON.parse as (text: string) => { max: number }, default: { max: 1 } });
    expect([await firstValueFrom(on), await firstValueFrom(vat), await firstValueFrom(rules)]).toEqual([true, 19, { max: 1 }]);
    await configs.set('on', 'false');
    await configs.set('vat', '7.5');
    await configs.set('rules', '{"max": 5}');
    expect([await firstValueFrom(on), await firstValueFrom(vat), await firstValueFrom(rules)]).toEqual([false, 7.5, { max: 5 }]);
  });
});
