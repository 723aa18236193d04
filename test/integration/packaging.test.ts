import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useTestDatabase } from '../support/database.js';
import { createProject, pack, runNode, temporaryDirectory, type Project, type Tarball } from '../support/project.js';
import { projectRoot } from '../support/build.js';

const TSC = join(projectRoot, 'node_modules', 'typescript', 'bin', 'tsc');

let directory: string;
let tarball: Tarball;

beforeAll(async () => {
  directory = await temporaryDirectory();
  tarball = await pack(directory);
}, 120_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

/** An application without a compiler: decorators are called by hand. */
const APPLICATION = `
class Greeter {
  greet(job) { return { text: 'Hello ' + job.payload.who, attempt: job.attempt }; }
}
Injectable()(Greeter);
JobHandler('greet')(Greeter.prototype, 'greet', Object.getOwnPropertyDescriptor(Greeter.prototype, 'greet'));

class AppModule {}
Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: process.env.DATABASE_URL, autoLoadEntities: true, retryAttempts: 0 }),
    TerminusModule,
    NotifyQueueModule.forRoot({ middleware: [openTelemetry(), prometheusMetrics()] }),
  ],
  providers: [Greeter, JobQueueHealthIndicator],
})(AppModule);

async function main() {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
  const { id } = await app.get(JobQueue).enqueue('greet', { who: 'Ada' });
  const result = await app.get(JobQueue).result(id);
  await app.close();
  console.log(JSON.stringify({ result, migrations: notifyQueueMigrations.map((migration) => migration.name) }));
}

async function deepImport() {
  try {
    await import('nestjs-notify-queue/dist/lib/store/index.js');
  } catch (error) {
    console.log(error.code);
  }
}

process.argv[2] === 'deep' ? deepImport() : main();
`;

const IMPORTS = {
  '@nestjs/common': ['Injectable', 'Module'],
  '@nestjs/core': ['NestFactory'],
  '@nestjs/terminus': ['TerminusModule'],
  '@nestjs/typeorm': ['TypeOrmModule'],
  'nestjs-notify-queue': ['JobHandler', 'JobQueue', 'NotifyQueueModule'],
  'nestjs-notify-queue/migrations': ['notifyQueueMigrations'],
  'nestjs-notify-queue/opentelemetry': ['openTelemetry'],
  'nestjs-notify-queue/prometheus': ['prometheusMetrics'],
  'nestjs-notify-queue/terminus': ['JobQueueHealthIndicator'],
  'nestjs-notify-queue/testing': ['NotifyQueueTestingModule'],
};

function imports(type: 'module' | 'commonjs'): string {
  const lines = Object.entries(IMPORTS).map(([from, names]) =>
    type === 'module' ? `import { ${names.join(', ')} } from '${from}';` : `const { ${names.join(', ')} } = require('${from}');`,
  );
  return [type === 'module' ? `import 'reflect-metadata';` : `require('reflect-metadata');`, ...lines].join('\n');
}

describe('the tarball', () => {
  it('holds what runs, its types and its texts, and nothing else', () => {
    const others = tarball.files.filter((path) => !/^dist\/(?:lib|migrations)\/.*\.(?:js|js\.map|d\.ts)$/.test(path));
    expect(others.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'grafana/notify-queue.json', 'package.json', 'schematics/collection.json']);
    expect(tarball.files.filter((path) => /(?:^|\/)(?:test|sample|bench)\/|\.test\./.test(path))).toEqual([]);
  });
});

describe.each(['module', 'commonjs'] as const)('installed in a project of type %s', (type) => {
  const database = useTestDatabase();
  let project: Project;

  beforeAll(async () => {
    project = await createProject(join(directory, type), tarball, type);
    await project.write('app.js', imports(type) + APPLICATION);
  });

  it('runs a job', async () => {
    const { code, stdout, stderr } = await project.node('app.js', [], { DATABASE_URL: database.url });
    expect({ code, stderr: stderr.replace(/^\(.*\n?/gm, '') }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      result: { text: 'Hello Ada', attempt: 1 },
      migrations: ['NotifyQueueInitial1764000000000'],
    });
  });

  it('has no entry but those of its exports', async () => {
    expect(await project.node('app.js', ['deep'])).toMatchObject({ code: 0, stdout: 'ERR_PACKAGE_PATH_NOT_EXPORTED\n' });
  });
});

it('needs none of its optional peers, but for the entry of each', async () => {
  const project = await createProject(join(directory, 'bare'), tarball, 'module');
  const { peerDependenciesMeta } = JSON.parse(await project.read('node_modules/nestjs-notify-queue/package.json'));
  const optional = Object.keys(peerDependenciesMeta);
  expect(optional.sort()).toEqual(['@nestjs/schematics', '@nestjs/terminus', '@opentelemetry/api', 'prom-client']);
  for (const peer of optional) await rm(join(project.directory, 'node_modules', peer), { recursive: true });
  await project.write('app.js', `import 'reflect-metadata';
    for (const path of ['', '/migrations', '/opentelemetry', '/prometheus', '/terminus']) {
      await import('nestjs-notify-queue' + path).then(() => console.log(path, 'ok'), (error) => console.log(path, /'[^']+'/.exec(error.message)[0]));
    }`);
  const { stdout } = await project.node('app.js');
  expect(stdout.split('\n').slice(0, -1)).toEqual([' ok', '/migrations ok', "/opentelemetry '@opentelemetry/api'", "/prometheus 'prom-client'", "/terminus '@nestjs/terminus'"]);
});

describe('the files', () => {
  let project: Project;

  beforeAll(async () => {
    project = await createProject(join(directory, 'types'), tarball, 'module', ['@types/node']);
  });

  it('have source maps that hold their sources', async () => {
    for (const path of tarball.files.filter((name) => name.endsWith('.js'))) {
      const installed = `node_modules/nestjs-notify-queue/${path}`;
      const [, map] = /\/\/# sourceMappingURL=(.*)$/m.exec(await project.read(installed)) ?? [];
      if (map === undefined) continue;
      const { sources, sourcesContent } = JSON.parse(await project.read(join(installed, '..', map))) as Record<string, unknown[]>;
      expect([path, sourcesContent?.length]).toEqual([path, sources?.length]);
    }
  });

  it('have types for projects of both kinds', async () => {
    for (const extension of ['mts', 'cts']) await project.write(`main.${extension}`, TYPED_APPLICATION);
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2023',
      types: ['node'],
      strict: true,
      noUncheckedIndexedAccess: true,
      experimentalDecorators: true,
      noEmit: true,
    };
    await project.write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['main.mts', 'main.cts'] }));
    const { stdout } = await runNode(TSC, ['--pretty', 'false'], { cwd: project.directory });
    // Declarations of other packages are their own business.
    const errors = stdout.split('\n').filter((line) => /^(?:main|node_modules\/nestjs-notify-queue)/.test(line));
    expect(errors).toEqual([]);
    expect(stdout).not.toContain('error TS18003');
  });
});

const TYPED_APPLICATION = `
import { Injectable, Module } from '@nestjs/common';
import { defineJob, JobHandler, JobQueue, NotifyQueueModule, Retry, type Job } from 'nestjs-notify-queue';
import { createNotifyQueueMigrations, notifyQueueMigration, notifyQueueMigrations } from 'nestjs-notify-queue/migrations';
import { openTelemetry } from 'nestjs-notify-queue/opentelemetry';
import { prometheusMetrics } from 'nestjs-notify-queue/prometheus';
import { JobQueueHealthIndicator } from 'nestjs-notify-queue/terminus';
import { DataSource } from 'typeorm';

const Greet = defineJob<{ who: string }, { text: string }>('greet', { queue: 'mail', failureMode: Retry({ times: 2 }) });

@Injectable()
export class Greeter {
  constructor(private readonly jobs: JobQueue) {}

  @JobHandler(Greet)
  async greet(job: Job<{ who: string }>) {
    return { text: job.payload.who.toUpperCase() };
  }

  async start(): Promise<string> {
    // @ts-expect-error a payload of another type
    await this.jobs.enqueue(Greet, { who: 1 });
    const { id } = await this.jobs.enqueue(Greet, { who: 'Ada' }, { delay: '5m' });
    return id;
  }
}

@Module({ imports: [NotifyQueueModule.forRoot({ queues: { mail: { concurrency: 20 } }, middleware: [openTelemetry(), prometheusMetrics()] })], providers: [Greeter, JobQueueHealthIndicator] })
export class AppModule {}

export class NotifyQueueInitial1764000000000 extends notifyQueueMigration(1, 'billing') {}

export const dataSource = new DataSource({
  type: 'postgres',
  migrations: [...notifyQueueMigrations, ...createNotifyQueueMigrations('queue'), NotifyQueueInitial1764000000000],
});
`;
