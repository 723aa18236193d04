import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { ensureBuilt } from '../../support/build.js';
import { runCli } from '../../support/cli.js';
import type { TestDatabase } from '../../support/database.js';
import { emptyDatabase, migrated } from '../../support/empty-database.js';
import { createProject, pack, runNode, temporaryDirectory, type Outcome, type Project } from '../../support/project.js';
import { dumpSchema, listSchema } from '../../support/schema-dump.js';

const MAIN = 'dist/lib/cli/main.js';
const SNAPSHOT = '../../snapshots/schema.sql';
const WITHOUT_SCHEMA = ['init', 'demo', 'jobs', 'queues', 'configs'];
const COMMANDS = ['init', 'demo', 'migrate', 'status', 'doctor', 'jobs', 'queues', 'configs', 'rollback', 'migration:create', 'sql'];

beforeAll(ensureBuilt, 120_000);

const cli = (...args: string[]): Promise<Outcome> => runCli(args);

const cliOn = (database: TestDatabase, ...args: string[]): Promise<Outcome> =>
  runCli(args, { env: { DATABASE_URL: database.url } });

/** A failure is one line, without a stack. */
async function failure(running: Promise<Outcome>): Promise<string> {
  const { code, stderr } = await running;
  expect(code).toBe(1);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  return stderr.trim();
}

function otherUrl(database: TestDatabase, change: (url: URL) => void): string {
  const url = new URL(database.url);
  change(url);
  return url.href;
}

describe('help', () => {
  it('is what a missing command gets', async () => {
    const { code, stderr } = await cli();
    expect(code).toBe(1);
    for (const command of COMMANDS) expect(stderr).toContain(`  ${command} `);
    expect(stderr).toContain('Examples:');
  });

  it.each(COMMANDS)('is there for %s, with examples', async (command) => {
    const { code, stdout } = await cli(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`$ npx notify-queue ${command}`);
  });

  it('tells the version, and what an unknown command may have meant', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(await cli('--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
    expect((await cli('migrat')).stderr).toContain('Did you mean migrate?');
  });
});

// The other tests of commands share one process.
describe('in a process of its own', () => {
  it.each([[['--version']], [['status', '--url', 'postgres://127.0.0.1:1/shop', '--json']]])('%s answers the same', async (args) =>
    expect(await runNode(MAIN, args)).toEqual(await runCli(args)));
});

describe('migrate, status and rollback', () => {
  it('make the tables, tell of them and remove them', async () => {
    const database = await emptyDatabase();
    const missing = await cliOn(database, 'status');
    expect(missing).toMatchObject({ code: 1, stdout: expect.stringMatching(/no tables.*npx notify-queue migrate`/) });

    expect((await cliOn(database, 'migrate', '--dry-run')).stdout).toBe("Would apply NotifyQueueInitial1764000000000 to schema 'notify_queue'.\n");
    expect(JSON.parse((await cliOn(database, 'migrate', '--dry-run', '--json')).stdout)).toMatchObject({ pending: ['NotifyQueueInitial1764000000000'] });
    expect(await listSchema(database)).toEqual([]);

    const applied = "Applied NotifyQueueInitial1764000000000 to schema 'notify_queue'.\n";
    expect(await cliOn(database, 'migrate')).toEqual({ code: 0, stdout: applied, stderr: '' });
    await expect(await dumpSchema(database)).toMatchFileSnapshot(SNAPSHOT);
    expect((await cliOn(database, 'migrate')).stdout).toBe("Schema 'notify_queue' is up to date (version 1).\n");
    expect((await cliOn(database, 'status')).stdout).toMatch(/up to date \(version 1\).*No unfinished jobs.*No process runs jobs/s);

    expect((await cliOn(database, 'rollback')).stdout).toContain('has no tables of the queue now');
    expect(await listSchema(database)).toEqual([]);
    expect(await cliOn(database, 'rollback')).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to take back') });
  });

  it('take the URL of --url before that of NOTIFY_QUEUE_DATABASE_URL before that of DATABASE_URL', async () => {
    const database = await migrated();
    const wrong = otherUrl(database, (url) => (url.port = '1'));
    const env = { DATABASE_URL: wrong, NOTIFY_QUEUE_DATABASE_URL: database.url };
    expect(await runCli(['status'], { env })).toMatchObject({ code: 0 });
    expect(await runCli(['status', '--url', wrong], { env })).toMatchObject({ code: 1 });
    expect(await runCli(['status', '--url', database.url], { env: { DATABASE_URL: wrong } })).toMatchObject({ code: 0 });
  });

  it('work in a schema of another name, which may need quotes', async () => {
    const database = await emptyDatabase();
    const schema = `Bob's "jobs"`;
    await cliOn(database, 'migrate', '--schema', schema);
    expect(await dumpSchema(database, schema)).toBe(await dumpSchema(await migrated()));
    expect((await cliOn(database, 'status', '--schema', schema)).stdout).toContain('up to date');
    await cliOn(database, 'rollback', '--schema', schema);
    expect(await listSchema(database, schema)).toEqual([]);
  });

  it('run at once from several deployments apply each step once', async () => {
    const database = await emptyDatabase();
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => runNode(MAIN, ['migrate'], { env: { DATABASE_URL: database.url } })));
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(outcomes.filter(({ stdout }) => stdout.startsWith('Applied'))).toHaveLength(1);
  });
});

describe('status', () => {
  it('counts the jobs of each queue and the processes, for people and for programs', async () => {
    const database = await migrated();
    const app = await startApp({ url: database.url, queue: { role: 'producer' } });
    await app.queue.enqueueMany('greet', [1, 2, 3], { queue: 'mail' });
    await app.queue.enqueue('greet', 4, { queue: 'report', delay: '1h' });
    await app.queue.suspend('report');
    await app.close();

    const { stdout } = await cliOn(database, 'status', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'notify_queue',
      version: 1,
      latestVersion: 1,
      pending: [],
      queues: [
        { queue: 'mail', count: 3, available: 3, suspended: false },
        { queue: 'report', count: 1, scheduled: 1, suspended: true, oldestDueMs: null },
      ],
      instances: [],
    });
    const { stdout: text } = await cliOn(database, 'status');
    expect(text).toMatch(/^mail +3 +0 +0 +\d+m?s +nobody$/m);
    expect(text).toMatch(/^report +0 +1 +0 +- +nobody +suspended$/m);
  });

  it('names the transaction that keeps dead rows from being removed', async () => {
    const database = await migrated();
    const holder = await database.client();
    await holder.query(`SET application_name = 'a long report'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1`);
    const { stdout } = await cliOn(database, 'status', '--json');
    expect(JSON.parse(stdout).oldestTransaction).toMatchObject({ applicationName: 'a long report', openMs: expect.any(Number) });
    // Short ones are not worth a line.
    expect((await cliOn(database, 'status')).stdout).not.toContain('a long report');
    await holder.query('COMMIT');
    expect(JSON.parse((await cliOn(database, 'status', '--json')).stdout).oldestTransaction).toBeNull();
  });
});

describe('rollback', () => {
  it('goes no further while there are jobs or processes, unless it is told to', async () => {
    const database = await migrated();
    await database.query(`SELECT notify_queue.enqueue('greet')`);
    const refusal = await failure(cliOn(database, 'rollback'));
    expect(refusal).toMatch(/1 unfinished job\(s\), and 0 process\(es\).*--force/);
    expect(await cliOn(database, 'rollback', '--force')).toMatchObject({ code: 0 });
    expect(await listSchema(database)).toEqual([]);
  });
});

describe('an error is one line that says what to do', () => {
  it('without a URL', async () => {
    expect(await failure(cli('migrate'))).toMatch(/^error: No database URL\. Pass --url .* or set .*DATABASE_URL\.$/);
  });

  it('for a URL that is none, which it does not repeat', async () => {
    for (const url of ['mysql://root:secret@localhost/x', 'postgres://root:sec#ret@local host:x/y']) {
      const line = await failure(cli('status', '--url', url));
      expect(line).toMatch(/cannot be read; expected postgres:\/\/user:password@host:5432\/database/);
      expect(line).not.toContain('sec');
    }
  });

  it.each(COMMANDS.filter((command) => !WITHOUT_SCHEMA.includes(command)))('for a bad schema name in %s', async (command) => {
    expect(await failure(cli(command, '--schema', 'pg_x'))).toMatch(/--schema <name>' argument 'pg_x' is invalid\. Expected a PostgreSQL schema name/);
  });

  it('for a server that cannot be reached', async () => {
    const line = await failure(cli('migrate', '--url', 'postgres://u:secret@127.0.0.1:1/shop'));
    expect(line).toMatch(/cannot be reached at 127\.0\.0\.1:1: .*ECONNREFUSED.*Check that it is up/);
    expect(line).not.toContain('secret');
  });

  it('for a database that is not there', async () => {
    const database = await emptyDatabase();
    const url = otherUrl(database, (other) => (other.pathname = '/no_such_database'));
    expect(await failure(cli('status', '--url', url))).toMatch(/has no database "no_such_database"\. Create it/);
  });

  it('for a user without rights', async () => {
    const database = await emptyDatabase();
    const role = `${database.name}_guest`;
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'guest'`);
    const url = otherUrl(database, (other) => {
      other.username = role;
      other.password = 'guest';
    });
    try {
      expect(await failure(cli('migrate', '--url', url))).toMatch(
        new RegExp(`"${role}" may not do this in database "${database.name}": permission denied .* GRANT CREATE ON DATABASE`),
      );
      await cliOn(database, 'migrate');
      expect(await failure(cli('status', '--url', url))).toMatch(/permission denied for schema.*Connect as the owner/);
    } finally {
      await database.query(`DROP ROLE ${role}`);
    }
  });

  it('for tables of a newer release', async () => {
    const database = await migrated();
    await database.query(`INSERT INTO notify_queue.job_migrations (version, name) VALUES (99, 'Future')`);
    for (const command of ['migrate', 'status', 'rollback']) {
      expect(await failure(cliOn(database, command))).toMatch(/at version 99, but this release .* knows 1\. Update the package/);
    }
  });

  it('for tables of somebody else', async () => {
    const database = await emptyDatabase();
    await database.query('CREATE TABLE public.jobs ()');
    expect(await failure(cliOn(database, 'migrate', '--schema', 'public'))).toMatch(/relation "jobs" already exists.*--schema/);
    expect(await listSchema(database, 'public')).toEqual(['jobs', 'schema']);
  });

  it('with its stack for those who set DEBUG', async () => {
    const { code, stderr } = await runNode(MAIN, ['migrate'], { env: { DEBUG: '1' } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/CliError: No database URL.*\n +at /);
  });
});

describe('sql', () => {
  it('prints what migrate does', async () => {
    const database = await emptyDatabase();
    const { stdout } = await cli('sql');
    await database.query(stdout);
    await expect(await dumpSchema(database)).toMatchFileSnapshot(SNAPSHOT);
    expect((await cliOn(database, 'migrate')).stdout).toContain('up to date');
    expect((await cli('sql', '--schema', 'Mixed Case')).stdout).toContain('CREATE TABLE "Mixed Case".jobs (');
  });
});

describe('migration:create', () => {
  const TYPEORM = 'node_modules/typeorm/cli.js';
  const BIN = 'node_modules/nestjs-notify-queue/dist/lib/cli/main.js';
  let directory: string;
  const projects = new Map<string, Project>();

  beforeAll(async () => {
    directory = await temporaryDirectory();
    const tarball = await pack(directory);
    for (const type of ['module', 'commonjs'] as const) {
      projects.set(type, await createProject(join(directory, type), tarball, type));
    }
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const DATA_SOURCE = `DataSource({ type: 'postgres', url: process.env.DATABASE_URL, migrations: ['migrations/*.js'] })`;
  const DATA_SOURCES = {
    module: `import { DataSource } from 'typeorm';\nexport default new ${DATA_SOURCE};\n`,
    commonjs: `const { DataSource } = require('typeorm');\nmodule.exports = new ${DATA_SOURCE};\n`,
  };

  /** What TypeScript makes of a file in a project of this kind. */
  function compile(text: string, type: 'module' | 'commonjs'): string {
    const module = type === 'module' ? ts.ModuleKind.ESNext : ts.ModuleKind.CommonJS;
    return ts.transpileModule(text, { compilerOptions: { module, target: ts.ScriptTarget.ES2023 } }).outputText;
  }

  it.each([
    ['module', 'JavaScript', 'notify_queue'],
    ['commonjs', 'JavaScript', "Bob's \\ jobs */"],
    ['module', 'TypeScript', 'billing'],
    ['commonjs', 'TypeScript', 'notify_queue'],
  ] as const)('writes for a project of type %s a file in %s that TypeORM runs and reverts', async (type, language, schema) => {
    const database = await emptyDatabase();
    const project = projects.get(type)!;
    const isScript = language === 'JavaScript';
    const dir = isScript ? 'migrations' : 'src/migrations';
    const args = ['migration:create', '--schema', schema, ...(isScript ? ['--js', '--dir', dir] : [])];
    const { code, stdout } = await project.node(BIN, args);
    expect(code).toBe(0);
    const [, path, name] = /^Wrote (.*\/(1764000000000-NotifyQueueInitial\w*)\.(?:js|ts))$/m.exec(stdout.replaceAll('\\', '/')) ?? [];
    if (path === undefined) throw new Error(stdout);
    if (!isScript) await project.write(`migrations/${name}.js`, compile(await project.read(path), type));

    await project.write('data-source.js', DATA_SOURCES[type]);
    const env = { DATABASE_URL: database.url };
    const run = await project.node(TYPEORM, ['migration:run', '-d', 'data-source.js'], env);
    expect(run).toMatchObject({ code: 0 });
    expect(await dumpSchema(database, schema)).toBe(await dumpSchema(await migrated()));
    const again = await project.node(BIN, args);
    expect(again).toMatchObject({ code: 0, stdout: `Nothing to write: ${dir} has every step.\n` });

    expect(await project.node(TYPEORM, ['migration:revert', '-d', 'data-source.js'], env)).toMatchObject({ code: 0 });
    expect(await listSchema(database, schema)).toEqual([]);
    await rm(join(project.directory, 'migrations'), { recursive: true });
  });

  it('names the same migration as notifyQueueMigrations, so that one of them is enough', async () => {
    const project = projects.get('module')!;
    await project.node(BIN, ['migration:create', '--js', '--dir', 'both']);
    expect(await project.read('both/1764000000000-NotifyQueueInitial.js')).toBe(
      `import { notifyQueueMigration } from 'nestjs-notify-queue/migrations';\n\n` +
        '/** Step 1 of the tables of nestjs-notify-queue; `npx notify-queue sql` prints them. */\n' +
        `export class NotifyQueueInitial1764000000000 extends notifyQueueMigration(1, 'notify_queue') {}\n`,
    );
  });

  it('says where it cannot write', async () => {
    const project = projects.get('module')!;
    await project.write('file', '');
    expect(await failure(project.node(BIN, ['migration:create', '--dir', 'file']))).toMatch(/^error: Cannot write to file: .*--dir\.$/);
  });
});
