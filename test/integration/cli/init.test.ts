import { execFile, spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { projectRoot } from '../../support/build.js';
import { emptyDatabase } from '../../support/empty-database.js';
import { runCli } from '../../support/cli.js';
import { pack, runNode, temporaryDirectory, type Outcome } from '../../support/project.js';

const run = promisify(execFile);
const NEST = 'node_modules/@nestjs/cli/bin/nest.js';
const NOTIFY_QUEUE = 'node_modules/nestjs-notify-queue/dist/lib/cli/main.js';
const MODULE = `import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  ShopModule,
} from './shop.module';

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres' }),
    ShopModule,
  ],
})
export class AppModule {}
`;

describe('a blank application of the Nest CLI', { timeout: 120_000 }, () => {
  let parent: string;
  let shop: string;
  let server: ChildProcess | undefined;
  beforeAll(async () => {
    parent = await temporaryDirectory();
    shop = join(parent, 'shop');
  });
  afterAll(async () => {
    server?.kill('SIGKILL');
    await fs.rm(parent, { recursive: true, force: true });
  });

  /** What `npm install` would bring: the packages of this project, and this one from its tarball. */
  async function install(): Promise<void> {
    const modules = join(shop, 'node_modules');
    const installed = join(modules, 'nestjs-notify-queue');
    await fs.mkdir(installed, { recursive: true });
    for (const name of await fs.readdir(join(projectRoot, 'node_modules'))) {
      if (name !== 'nestjs-notify-queue') await fs.symlink(join(projectRoot, 'node_modules', name), join(modules, name), 'junction');
    }
    const tarball = await pack(parent);
    await run('tar', ['-xzf', tarball.path, '-C', installed, '--strip-components=1']);
  }

  it('reaches a running job in four commands', async () => {
    const database = await emptyDatabase();
    const startedAt = performance.now();
    // 1: npx @nestjs/cli new shop
    await run(process.execPath, [join(projectRoot, NEST), 'new', 'shop', '--skip-install', '--skip-git', '--package-manager', 'npm', '--no-observe'], { cwd: parent });
    await install();
    // 2: npx nest add nestjs-notify-queue
    const added = await run(process.execPath, [NEST, 'add', 'nestjs-notify-queue', '--skip-install'], { cwd: shop });
    expect(added.stdout).toContain('CREATE');
    // 3: DATABASE_URL=... npm start
    server = spawn(process.execPath, [NEST, 'start'], { cwd: shop, env: { ...process.env, DATABASE_URL: database.url, PORT: '0' }, stdio: 'pipe', detached: true });
    let log = '';
    await new Promise<void>((resolve, reject) => {
      const add = (text: Buffer): void => {
        log += String(text);
        if (log.includes('successfully started')) resolve();
      };
      server!.stdout!.on('data', add);
      server!.stderr!.on('data', add);
      server!.once('exit', () => reject(new Error(log)));
    });
    // 4: npx notify-queue jobs enqueue greet '{"name":"Ada"}' --wait
    const args = ['jobs', 'enqueue', 'greet', '{"name":"Ada"}', '--wait', '--json'];
    const { code, stdout } = await runNode(NOTIFY_QUEUE, args, { cwd: shop, env: { DATABASE_URL: database.url } });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'completed', result: { greeting: 'Hello, Ada!' } });
    expect(log).toContain('Hello, Ada!');
    // Without the time that npm takes to download: the rest is ours.
    expect(performance.now() - startedAt).toBeLessThan(60_000);
    process.kill(-server.pid!, 'SIGTERM');
    await new Promise((resolve) => server!.once('exit', resolve));
    expect(log).toContain('Stopped running jobs');
    server = undefined;
  });

  it('has nothing more to be done, by either way', async () => {
    const before = await fs.readFile(join(shop, 'src/app.module.ts'), 'utf8');
    const again = await run(process.execPath, [NEST, 'add', 'nestjs-notify-queue', '--skip-install'], { cwd: shop });
    expect(again.stdout).toContain('The queue is here already.');
    expect(await runNode(NOTIFY_QUEUE, ['init'], { cwd: shop })).toEqual({ code: 0, stdout: 'The queue is here already.\n', stderr: '' });
    expect(await fs.readFile(join(shop, 'src/app.module.ts'), 'utf8')).toBe(before);
  });
});

describe('init', () => {
  async function project(files: Record<string, string>): Promise<{ init(...args: string[]): Promise<Outcome>; read(path: string): Promise<string> }> {
    const directory = await temporaryDirectory();
    onTestFinished(() => fs.rm(directory, { recursive: true }));
    for (const [path, text] of Object.entries(files)) {
      await fs.mkdir(join(directory, path, '..'), { recursive: true });
      await fs.writeFile(join(directory, path), text);
    }
    return {
      init: (...args) => runCli(['init', '--dir', directory, ...args]),
      read: (path) => fs.readFile(join(directory, path), 'utf8'),
    };
  }
  const MANIFEST = JSON.stringify({ name: 'shop', dependencies: { '@nestjs/core': '^12.0.0', '@nestjs/typeorm': '^12.0.0', typeorm: '^1.0.0', pg: '^8.0.0' } });

  it('fits into a CommonJS application that has TypeORM', async () => {
    const { init, read } = await project({ 'package.json': MANIFEST, 'src/app.module.ts': MODULE });
    const dry = await init('--dry-run', '--json');
    expect(JSON.parse(dry.stdout)).toMatchObject({
      dryRun: true,
      changes: [
        { kind: 'update', path: 'src/app.module.ts' },
        { kind: 'create', path: 'src/migrations/1764000000000-NotifyQueueInitial.ts' },
        { kind: 'create', path: 'src/greeting.jobs.ts' },
      ],
    });
    expect(await read('src/app.module.ts')).toBe(MODULE);
    const { code, stdout } = await init();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^updated src\/app\.module\.ts\ncreated src\/migrations.*add the new migration to your data source/s);
    expect(await read('package.json')).toBe(MANIFEST);
    const example = await fs.readFile('docs/examples/terminal.ts', 'utf8');
    expect(example).toContain(`// #region job\n${await read('src/greeting.jobs.ts')}// #endregion`);
    expect(await read('src/app.module.ts')).toBe(`import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  ShopModule,
} from './shop.module';
import { NotifyQueueModule } from 'nestjs-notify-queue';
import { GreetingJobs } from './greeting.jobs';

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres' }),
    ShopModule,
    NotifyQueueModule.forRoot(),
  ],
  providers: [GreetingJobs],
})
export class AppModule {}
`);
  });

  it('keeps the line ends of a file, and says what it could not change', async () => {
    const { init, read } = await project({
      'package.json': MANIFEST,
      'src/app.module.ts': MODULE.replaceAll('\n', '\r\n'),
      'src/main.ts': 'NestFactory.create(AppModule).then((app) => app.listen(3000));\n',
    });
    expect((await init()).stdout).toContain('call app.enableShutdownHooks() in src/main.ts');
    const changed = await read('src/app.module.ts');
    expect(changed.match(/\n/g)).toHaveLength(changed.match(/\r\n/g)!.length);
    expect(changed).toContain('NotifyQueueModule.forRoot(),\r\n');
  });

  it('leaves a job of that name alone, and takes another module where it is told to', async () => {
    const { init, read } = await project({
      'package.json': MANIFEST,
      'nest-cli.json': '{ "sourceRoot": "apps/shop/src" }',
      'apps/shop/src/shop.module.ts': MODULE,
      'apps/shop/src/greeting.jobs.ts': '// mine',
      'apps/shop/src/main.ts': 'async function bootstrap() {\n  app.enableShutdownHooks();\n  await app.listen(1);\n}\n',
    });
    expect(await init()).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no apps/shop/src/app.module.ts. Name the file of your root module with --module.') });
    expect((await init('--module', 'apps/shop/src/shop.module.ts')).stdout).not.toMatch(/main\.ts|greeting/);
    expect(await read('apps/shop/src/greeting.jobs.ts')).toBe('// mine');
  });

  it.each([
    [{}, 'There is no package.json here'],
    [{ 'package.json': '{' }, 'package.json is not JSON'],
    [{ 'package.json': '{}' }, 'package.json has no dependency @nestjs/core'],
    [{ 'package.json': MANIFEST, 'src/app.module.ts': 'export const x = 1;' }, 'src/app.module.ts has no @Module() with its metadata written out'],
    [{ 'package.json': 'null' }, 'package.json is no JSON object'],
    [{ 'package.json': MANIFEST, 'src/app.module.ts': '// like nestjs-notify-queue\n@Module({ imports: shared, providers: [...shared] })\nexport class AppModule {}' }, "The module's imports are no list that can be added to. Add by hand: TypeOrmModule.forRoot("],
  ])('says what is missing in %j', async (files, message) => {
    const { init } = await project(files as Record<string, string>);
    expect(await init()).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(message) });
  });
});
