import { DataSource, EntitySchema, type DataSourceOptions } from 'typeorm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { notifyQueueEntities } from '../../lib/index.js';
import { appliedVersion, applyMigrations, migrationSql, revertMigration } from '../../migrations/apply.js';
import { createNotifyQueueMigrations, notifyQueueMigration, notifyQueueMigrations } from '../../migrations/index.js';
import { startApp } from '../support/app.js';
import type { TestDatabase } from '../support/database.js';
import { emptyDatabase, migrated, queryOn } from '../support/empty-database.js';
import { dumpSchema, listSchema } from '../support/schema-dump.js';

/** The schema as it must be. To write it anew: npx vitest run test/integration/migrations.test.ts -u */
const SNAPSHOT = '../snapshots/schema.sql';

const STEPS = ['NotifyQueueInitial1764000000000'];

async function connect(database: TestDatabase, options: Partial<DataSourceOptions> = {}): Promise<DataSource> {
  const defaults = { type: 'postgres', url: database.url, migrations: notifyQueueMigrations, entities: notifyQueueEntities() };
  const dataSource = new DataSource({ ...defaults, ...options } as DataSourceOptions);
  onTestFinished(async () => {
    if (dataSource.isInitialized) await dataSource.destroy();
  });
  return dataSource.initialize();
}

describe('migrations', () => {
  it('make the schema of the snapshot', async () => {
    await expect(await dumpSchema(await migrated())).toMatchFileSnapshot(SNAPSHOT);
  });

  it('are applied once by twenty installers at the same time', async () => {
    const database = await emptyDatabase();
    const installers = await Promise.all(Array.from({ length: 20 }, () => queryOn(database)));
    const applied = await Promise.all(installers.map((query) => applyMigrations(query, 'notify_queue')));
    expect(applied.flat()).toEqual(STEPS);
    expect(await database.query('SELECT name FROM notify_queue.job_migrations')).toEqual(STEPS.map((name) => ({ name })));
    await expect(await dumpSchema(database)).toMatchFileSnapshot(SNAPSHOT);
  });

  it('make the same schema from the SQL text', async () => {
    const database = await emptyDatabase();
    await database.query(migrationSql('notify_queue'));
    await expect(await dumpSchema(database)).toMatchFileSnapshot(SNAPSHOT);
    expect(await applyMigrations(await queryOn(database), 'notify_queue')).toEqual([]);
  });

  it('leave nothing behind when they are taken back', async () => {
    const database = await migrated();
    const query = await queryOn(database);
    await query(`SELECT notify_queue.history_prepare(ARRAY[interval '1 day'])`);
    expect(await revertMigration(query, 'notify_queue')).toBe('NotifyQueueInitial1764000000000');
    expect(await listSchema(database)).toEqual([]);
    expect(await appliedVersion(query, 'notify_queue')).toBe(0);
    expect(await revertMigration(query, 'notify_queue')).toBeUndefined();
    await applyMigrations(query, 'notify_queue');
    await expect(await dumpSchema(database)).toMatchFileSnapshot(SNAPSHOT);
  });

  it('leave a schema alone that was there before, or that holds more than theirs', async () => {
    const database = await emptyDatabase();
    const query = await queryOn(database);
    await query('CREATE SCHEMA notify_queue');
    await applyMigrations(query, 'notify_queue');
    await revertMigration(query, 'notify_queue');
    expect(await listSchema(database)).toEqual(['schema']);
    await query('DROP SCHEMA notify_queue');
    await applyMigrations(query, 'notify_queue');
    await query('CREATE TABLE notify_queue.mine ()');
    await revertMigration(query, 'notify_queue');
    expect(await listSchema(database)).toEqual(['mine', 'schema']);
  });

  it('need no right to make schemas where there is one', async () => {
    const database = await emptyDatabase();
    const role = `${database.name}_owner`;
    const client = await database.client();
    await client.query(`CREATE ROLE ${role}; CREATE SCHEMA notify_queue AUTHORIZATION ${role}; SET ROLE ${role}`);
    const query = async (sql: string) => (await client.query(sql)).rows;
    expect(await applyMigrations(query, 'notify_queue')).toEqual(STEPS);
    await revertMigration(query, 'notify_queue');
    expect(await listSchema(database)).toEqual(['schema']);
    await client.query(`RESET ROLE; DROP SCHEMA notify_queue; DROP ROLE ${role}`);
  });

  it('do not depend on the search path', async () => {
    const database = await emptyDatabase();
    await database.query(`
      CREATE SCHEMA evil;
      CREATE FUNCTION evil.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT 1 / 0';
      ALTER DATABASE ${database.name} SET search_path = evil, pg_catalog`);
    const query = await queryOn(database);
    await applyMigrations(query, 'notify_queue');
    await query(`SELECT notify_queue.enqueue('greet')`);
    await query(`INSERT INTO notify_queue.job_configs (key, value) VALUES ('a', 'b')`);
    await query('SET search_path = public');
    await expect(await dumpSchema({ query: query as TestDatabase['query'] })).toMatchFileSnapshot(SNAPSHOT);
  });
});

describe('with TypeORM', () => {
  it.each(['all', 'each', 'none'] as const)('transaction mode %s makes the same schema and takes it back', async (mode) => {
    const database = await emptyDatabase();
    const dataSource = await connect(database, { migrationsTransactionMode: mode });
    const executed = await dataSource.runMigrations();
    expect(executed.map((migration) => migration.name)).toEqual(STEPS);
    await expect(await dumpSchema(database)).toMatchFileSnapshot(SNAPSHOT);
    expect(await dataSource.runMigrations()).toEqual([]);
    await dataSource.undoLastMigration();
    expect(await listSchema(database)).toEqual([]);
    expect(await database.query('SELECT * FROM migrations')).toEqual([]);
  });

  it.each(['all', 'each', 'none'] as const)('transaction mode %s leaves nothing of a migration that fails', async (mode) => {
    const database = await emptyDatabase();
    await database.query('CREATE SCHEMA notify_queue; CREATE TABLE notify_queue.job_instances ()');
    const dataSource = await connect(database, { migrationsTransactionMode: mode });
    await expect(dataSource.runMigrations()).rejects.toThrow('already exists');
    expect(await listSchema(database)).toEqual(['job_instances', 'schema']);
  });

  it('finds nothing to do where the module or the command was first', async () => {
    const database = await migrated();
    const dataSource = await connect(database);
    await dataSource.runMigrations();
    await expect(await dumpSchema(database)).toMatchFileSnapshot(SNAPSHOT);
    expect(await database.query('SELECT name FROM migrations')).toEqual(STEPS.map((name) => ({ name })));
  });

  it('leaves nothing to do for the module', async () => {
    const database = await emptyDatabase();
    for (const migrations of ['check', 'run'] as const) {
      const app = await startApp({
        url: database.url,
        queue: { migrations },
        typeorm: { migrations: notifyQueueMigrations, migrationsRun: true },
      });
      await app.close();
    }
    await expect(await dumpSchema(database)).toMatchFileSnapshot(SNAPSHOT);
  });

  it('takes back what the module has applied, and what the command has taken back already', async () => {
    const database = await migrated();
    const dataSource = await connect(database);
    await dataSource.runMigrations();
    await revertMigration(await queryOn(database), 'notify_queue');
    await dataSource.undoLastMigration();
    expect(await database.query('SELECT * FROM migrations')).toEqual([]);
    await dataSource.runMigrations();
    await dataSource.undoLastMigration();
    expect(await listSchema(database)).toEqual([]);
  });

  it('knows the steps of two schemas apart, also in one table of migrations', async () => {
    const database = await emptyDatabase();
    const migrations = [...notifyQueueMigrations, ...createNotifyQueueMigrations('billing')];
    await (await connect(database, { migrations, entities: [] })).runMigrations();
    const [ours, billing] = await Promise.all([dumpSchema(database), dumpSchema(database, 'billing')]);
    expect(billing).toBe(ours);
    expect(await database.query('SELECT name FROM migrations ORDER BY id')).toEqual([
      { name: 'NotifyQueueInitial1764000000000' },
      { name: 'NotifyQueueInitialInBilling1764000000000' },
    ]);
  });

  it('takes a class of the user as a step', async () => {
    const database = await emptyDatabase();
    class NotifyQueueInitial1764000000000 extends notifyQueueMigration(1) {}
    const dataSource = await connect(database, { migrations: [NotifyQueueInitial1764000000000] });
    await dataSource.runMigrations();
    await expect(await dumpSchema(database)).toMatchFileSnapshot(SNAPSHOT);
    expect(() => notifyQueueMigration(99)).toThrow(/'step' is 99; expected a step from 1 to 1/);
    expect(() => notifyQueueMigration(1, 'pg_no')).toThrow(/schema/);
  });

  it('generates no migration for our entities', async () => {
    const dataSource = await connect(await migrated());
    const { upQueries, downQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect([...upQueries, ...downQueries].map(({ query }) => query)).toEqual([]);
  });

  it('leaves our tables untouched by synchronize, in whose schema it makes tables of the user', async () => {
    const database = await migrated();
    const notes = ['public', 'notify_queue'].map(
      (schema) => new EntitySchema({ name: `Note_${schema}`, schema, tableName: 'note', columns: { id: { type: 'int', primary: true } } }),
    );
    for (let i = 0; i < 2; i++) {
      const dataSource = await connect(database, { synchronize: true, entities: [...notifyQueueEntities(), ...notes] });
      await dataSource.destroy();
    }
    expect(await database.query(`SELECT 1 FROM pg_tables WHERE tablename = 'note'`)).toHaveLength(2);
    await database.query('DROP TABLE notify_queue.note');
    await expect(await dumpSchema(database)).toMatchFileSnapshot(SNAPSHOT);
  });

  it('drops our tables with dropSchema, after which they can be made again', async () => {
    const database = await migrated();
    await connect(database, { dropSchema: true });
    expect(await applyMigrations(await queryOn(database), 'notify_queue')).toEqual(STEPS);
    await expect(await dumpSchema(database)).toMatchFileSnapshot(SNAPSHOT);
  });
});
