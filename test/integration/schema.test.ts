import { Injectable } from '@nestjs/common';
import { firstValueFrom } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { JobHandler, queueEntities, type Job } from '../../lib/index.js';
import { createStatements } from '../../lib/store/statements/index.js';
import { channelsOf } from '../../lib/core/schema-name.js';
import { applyMigrations, revertMigration } from '../../migrations/apply.js';
import { createNotifyQueueMigrations } from '../../migrations/index.js';
import { startApp, type TestApp, type TestAppOptions } from '../support/app.js';
import { useTestDatabase, type TestDatabase } from '../support/database.js';
import { emptyDatabase, migrated, queryOn } from '../support/empty-database.js';
import { dumpSchema, listSchema } from '../support/schema-dump.js';
import { until } from '../support/wait.js';

@Injectable()
class Greeter {
  readonly seen: unknown[] = [];

  @JobHandler('greet')
  greet(job: Job): string {
    this.seen.push(job.payload);
    return 'hello';
  }
}

/** Nest leaves the connections of TypeORM open when the boot fails; they end by themselves when they are idle. */
const typeorm = { extra: { idleTimeoutMillis: 10 } };

async function boot(database: TestDatabase, queue: TestAppOptions['queue'] = {}): Promise<TestApp> {
  const app = await startApp({ url: database.url, queue, typeorm, providers: [Greeter] });
  onTestFinished(() => app.close());
  return app;
}

describe('at boot', () => {
  it('missing tables stop the application, which says how to get them', async () => {
    const database = await emptyDatabase();
    await expect(boot(database)).rejects.toMatchObject({
      code: 'MIGRATIONS_PENDING',
      message: expect.stringMatching(/'notify_queue' has no tables .*npx notify-queue migrate`.*notifyQueueMigrations.*'run'/),
    });
    await expect(boot(database, { schema: "Bob's" })).rejects.toThrow("npx notify-queue migrate --schema 'Bob'\\''s'`");
    expect(await listSchema(database)).toEqual([]);
  });

  it('tables of a newer release stop the application', async () => {
    const database = await migrated();
    await database.query(`INSERT INTO notify_queue.job_migrations (version, name) VALUES (99, 'Future')`);
    for (const migrations of ['check', 'run'] as const) {
      await expect(boot(database, { migrations })).rejects.toMatchObject({
        code: 'SCHEMA_TOO_NEW',
        message: expect.stringMatching(/at version 99, .* knows 1\. Update the package/),
      });
    }
  });

  it('nobody looks with migrations none, and the first use tells', async () => {
    const database = await emptyDatabase();
    await expect(boot(database, { migrations: 'none' })).rejects.toMatchObject({
      code: 'MIGRATIONS_PENDING',
      message: expect.stringContaining('npx notify-queue migrate'),
    });
  });

  it('tables that vanish later are told of by a typed error', async () => {
    const database = await migrated();
    const app = await boot(database);
    await revertMigration(await queryOn(database), 'notify_queue');
    await expect(app.queue.enqueue('greet', null)).rejects.toMatchObject({ code: 'MIGRATIONS_PENDING' });
    await expect(app.queue.find()).rejects.toMatchObject({ code: 'MIGRATIONS_PENDING' });
  });

  it('an installer waits for another one longer than for any answer', async () => {
    const database = await emptyDatabase();
    const other = await queryOn(database);
    await database.query(`ALTER DATABASE ${database.name} SET statement_timeout = '1 s'`);
    await other('BEGIN');
    await other(`SELECT pg_advisory_xact_lock(hashtextextended('notify-queue migrate notify_queue', 0))`);
    // The shortest lease there is gives every other statement a second.
    const booting = boot(database, { migrations: 'run', lease: 500 });
    const isWaiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'
      AND clock_timestamp() - query_start > interval '1.5 s'`;
    await until(async () => (await database.query(isWaiting)).length > 0);
    await other('COMMIT');
    expect(await (await booting).queue.status()).toMatchObject({ queues: expect.any(Array) });
  });
});

const NAMES = [
  'select',
  'Mixed Case',
  'with"quotes\'and\\backslash',
  'dashes-and/slashes',
  "dollars $1 $& $' $`",
  'очередь_задач',
  '100%',
  'n'.repeat(63),
  'ü'.repeat(31),
];

describe('a schema', () => {
  const template = useTestDatabase();

  it.each(NAMES)('may be named %s', async (schema) => {
    const database = await emptyDatabase();
    const app = await boot(database, { schema, migrations: 'run' });
    expect(await dumpSchema(database, schema)).toBe(await dumpSchema(template));
    const { id } = await app.queue.enqueue('greet', { n: 1 }, { id: crypto.randomUUID() });
    expect(await app.queue.result(id)).toBe('hello');
    await app.configs.set('switch', 'on');
    expect(await firstValueFrom(app.configs.config$)).toEqual(new Map([['switch', 'on']]));
    expect(await app.dataSource.getRepository(queueEntities(schema).JobHistory).count()).toBe(1);
    // What runs in the background would only log that it cannot.
    expect(app.logger.of('warn')).toEqual([]);
    await database.query(createStatements(schema).patrol.text, [crypto.randomUUID(), '(0,0)', '(1,0)', []]);
    await revertMigration(await queryOn(database), schema);
    expect(await listSchema(database, schema)).toEqual([]);
  });

  it.each(['', 'pg_mine', 'n'.repeat(64), 'ü'.repeat(32), 'line\nbreak', 'nul\0', 'a$$b', 'a.b', '\ud800'])('may not be named %j', async (schema) => {
    expect(() => createNotifyQueueMigrations(schema)).toThrow(/Option 'schema' is .*; expected a PostgreSQL schema name/s);
    await expect(boot(await emptyDatabase(), { schema, migrations: 'run' })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('beside tables of the application has only those of the queue', async () => {
    const database = await emptyDatabase();
    await database.query('CREATE TABLE public.migrations (id int); CREATE TABLE public.orders (id int)');
    await applyMigrations(await queryOn(database), 'public');
    await revertMigration(await queryOn(database), 'public');
    expect(await listSchema(database, 'public')).toEqual(['migrations', 'orders', 'schema']);
  });
});

describe('two installations in one database', () => {
  it('do not run, wake or configure each other', async () => {
    const database = await emptyDatabase();
    const [one, two] = await Promise.all(['one', 'two'].map((schema) => boot(database, { schema, migrations: 'run' })));
    if (!one || !two) throw new Error('not booted');
    const changes: string[] = [];
    two.configs.changes$.subscribe(({ key }) => changes.push(key));
    const heard = await listen(database, Object.values(channelsOf('two')));

    const { id } = await one.queue.enqueue('greet', 'for one');
    await one.queue.result(id);
    await one.configs.set('switch', 'on');
    await one.queue.suspend();
    expect(await two.queue.get(id)).toBeUndefined();
    expect((await two.queue.status()).instances).toHaveLength(1);

    // What comes after it on the same connections proves that nothing came before.
    const { id: second } = await two.queue.enqueue('greet', 'for two');
    expect(await two.queue.result(second)).toBe('hello');
    await two.configs.set('last', 'one');
    expect(one.app.get(Greeter).seen).toEqual(['for one']);
    expect(two.app.get(Greeter).seen).toEqual(['for two']);
    expect(changes).toEqual(['last']);
    await until(() => heard.includes('two.configs last'));
    // The job is announced, unless the runner of its own process took it at once.
    const others = heard.filter((message) => ![`two.signals ${second}`, 'two.jobs default'].includes(message));
    expect([...new Set(others)]).toEqual(['two.configs last']);
  });
});

/** Collects the notifications of these channels, in the order in which they come. */
async function listen(database: TestDatabase, channels: string[]): Promise<string[]> {
  const client = await database.client();
  const heard: string[] = [];
  client.on('notification', ({ channel, payload }) => heard.push(`${channel} ${payload}`));
  for (const channel of channels) await client.query(`LISTEN "${channel}"`);
  return heard;
}
