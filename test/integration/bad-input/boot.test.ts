import { Injectable, Module, Scope } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { describe, expect, it } from 'vitest';
import {
  DatabaseUnavailableError,
  defineJob,
  DuplicateModuleError,
  EntitiesNotRegisteredError,
  HandlerConflictError,
  InvalidHandlerError,
  JobHandler,
  MigrationsPendingError,
  NotifyQueueModule,
  notifyQueueEntities,
  SchemaTooNewError,
  UnsupportedDatabaseError,
} from '../../../lib/index.js';
import { bootError, useApps, type AppOptions } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';

type Kind = new (...args: never[]) => Error;

@Injectable()
class One {
  @JobHandler('twice')
  run() {}
}

@Injectable()
class Other {
  @JobHandler('twice')
  go() {}
}

const OnMail = defineJob('on.mail', { queue: 'mail' });

@Injectable()
class OnFax {
  @JobHandler(OnMail, { queue: 'fax' })
  run() {}
}

@Injectable({ scope: Scope.TRANSIENT })
class PerUse {
  @JobHandler('transient')
  run() {}
}

@Injectable()
class Nameless {
  @JobHandler('' as string)
  run() {}
}

class Undefined {
  @JobHandler(undefined as never)
  run() {}
}

@Module({ imports: [NotifyQueueModule.forRoot({ lease: '20s' })] })
class Second {}

const HANDLERS: Record<string, [options: Omit<AppOptions, 'url'>, kind: Kind, code: string, text: RegExp]> = {
  'two handlers for one job': [
    { providers: [One, Other] },
    HandlerConflictError,
    'HANDLER_CONFLICT',
    /^Job 'twice' has two handlers: One\.run and Other\.go\. Keep one of them, or give one another job name\.$/,
  ],
  'a job claimed for two queues': [
    { providers: [OnFax] },
    HandlerConflictError,
    'HANDLER_CONFLICT',
    /^Job 'on\.mail' is defined for queue 'mail', but OnFax\.run claims it for queue 'fax'\. Let the handler name no queue/,
  ],
  'a transient handler': [
    { providers: [PerUse] },
    InvalidHandlerError,
    'INVALID_HANDLER',
    /^PerUse\.run handles job 'transient', but its class is transient.*singleton/,
  ],
  'a handler of a blank name': [
    { providers: [Nameless] },
    InvalidHandlerError,
    'INVALID_HANDLER',
    /^Nameless\.run: @JobHandler needs a job's definition or its name: a non-blank string/,
  ],
  'a handler of an undefined definition': [{ providers: [Undefined] }, InvalidHandlerError, 'INVALID_HANDLER', /^Undefined\.run: @JobHandler needs/],
  'two forRoot': [
    { imports: [Second] },
    DuplicateModuleError,
    'DUPLICATE_MODULE',
    /^NotifyQueueModule\.forRoot\(\) is imported twice.*Import it once, in the root module/,
  ],
};

describe('an application that cannot start', () => {
  const database = useTestDatabase();
  const empty = useTestDatabase({ migrated: false });
  const start = useApps(database);

  function expectError(error: Error, kind: Kind, code: string, text: RegExp): void {
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ name: kind.name, code });
    expect(error.message).toMatch(text);
  }

  it.for(Object.keys(HANDLERS))('has %s', async (title) => {
    const [options, kind, code, text] = HANDLERS[title]!;
    expectError(await bootError(database, options), kind, code, text);
    expect(await database.query('SELECT count(*)::int AS n FROM notify_queue.job_instances')).toEqual([{ n: 0 }]);
  });

  it('has a data source without the entities; the error names the line to add, and with it the boot works', async () => {
    const text = /^The queue's entities are not registered with the default data source\. .*autoLoadEntities: true.*entities: \[\.\.\.notifyQueueEntities\(\)\]$/;
    const error = await bootError(database, { typeorm: { autoLoadEntities: false } });
    expectError(error, EntitiesNotRegisteredError, 'ENTITIES_NOT_REGISTERED', text);

    const app = await start({
      typeorm: { autoLoadEntities: false, entities: [...notifyQueueEntities()] },
      providers: [handle({ ping: () => 'pong' })],
    });
    const { id } = await app.queue.enqueue('ping', {});
    expect(await app.queue.result(id)).toBe('pong');
  });

  it('has entities of another schema only', async () => {
    const typeorm = { autoLoadEntities: false, entities: [...notifyQueueEntities('elsewhere')] };
    const error = await bootError(database, { typeorm });
    expectError(error, EntitiesNotRegisteredError, 'ENTITIES_NOT_REGISTERED', /notifyQueueEntities\(\)\]$/);
  });

  it('has no tables', async () => {
    const text = /^Schema 'notify_queue' has no tables of the queue\. Run `npx notify-queue migrate`.*notifyQueueMigrations.*migrations: 'run'/;
    expectError(await bootError(empty, {}), MigrationsPendingError, 'MIGRATIONS_PENDING', text);
    expect(await empty.query(`SELECT nspname FROM pg_namespace WHERE nspname = 'notify_queue'`)).toEqual([]);
  });

  it('has its tables in another schema', async () => {
    const error = await bootError(database, { queue: { schema: 'Elsewhere' } });
    const text = /^Schema 'Elsewhere' has no tables.*migrate --schema Elsewhere`.*If the tables are in another schema, name it with the schema option\.$/;
    expectError(error, MigrationsPendingError, 'MIGRATIONS_PENDING', text);
  });

  it('has tables of a release that is newer', async () => {
    await database.query(`INSERT INTO notify_queue.job_migrations (version, name) VALUES (999, 'FromTheFuture')`);
    const error = await bootError(database, {});
    await database.query('DELETE FROM notify_queue.job_migrations WHERE version = 999');
    expectError(error, SchemaTooNewError, 'SCHEMA_TOO_NEW', /^Schema 'notify_queue' is at version 999.*Update the package/);
  });

  /** A data source as TypeORM made it, of which the queue then sees other options. */
  function dataSourceWith(change: object) {
    const dataSourceFactory = async (options?: DataSourceOptions): Promise<DataSource> => {
      const dataSource = await new DataSource(options as DataSourceOptions).initialize();
      return Object.defineProperty(dataSource, 'options', { value: { ...dataSource.options, ...change } });
    };
    const base = { type: 'postgres', url: database.url, autoLoadEntities: true } as const;
    return TypeOrmModule.forRootAsync({ useFactory: () => base, dataSourceFactory });
  }

  it('has a data source that is not PostgreSQL', async () => {
    const error = await bootErrorOn(dataSourceWith({ type: 'mysql' }));
    expectError(error, UnsupportedDatabaseError, 'UNSUPPORTED_DATABASE', /type 'mysql', but the queue needs PostgreSQL.*dataSource: '\.\.\.'/);
  });

  it('has a database that refuses connections', async () => {
    const url = 'postgres://nobody@127.0.0.1:1/nothing';
    const text = /^PostgreSQL did not accept a connection: .*ECONNREFUSED.*Check that it is up, and the data source's host, port/;
    for (const error of [
      await bootError(database, { url, typeorm: { manualInitialization: true } }),
      await bootErrorOn(dataSourceWith({ url })),
    ]) {
      expectError(error, DatabaseUnavailableError, 'DATABASE_UNAVAILABLE', text);
      expect(error).toMatchObject({ mayHaveRun: false });
    }
  });

  it('has a data source that is initialized later: that one does start', async () => {
    const app = await start({ typeorm: { manualInitialization: true }, providers: [handle({ ping: () => 'pong' })] });
    const { id } = await app.queue.enqueue('ping', {});
    expect(await app.queue.result(id)).toBe('pong');
    await app.dataSource.initialize();
    await app.dataSource.transaction((manager) => app.queue.enqueue('ping', {}, { manager }));
  });

  async function bootErrorOn(typeorm: ReturnType<typeof dataSourceWith>): Promise<Error> {
    const { NestFactory } = await import('@nestjs/core');
    @Module({ imports: [typeorm, NotifyQueueModule.forRoot()] })
    class AppModule {}
    const boot = NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
    const error = await boot.then(() => new Error('It started'), (cause: Error) => cause);
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'test'`,
    );
    return error;
  }
});
