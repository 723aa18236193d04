import { migrationScripts } from '../../../migrations/apply.js';
import { DEFAULT_SCHEMA } from '../../core/schema-name.js';
import { CliError } from '../cli-error.js';
import { migrationFile } from '../migration-file.js';
import { addToModule, type Addition } from './add-to-module.js';
import { firstJobs } from './first-jobs.js';
import { readProject, type Project, type ReadFile } from './project.js';

/** A file to be written. */
export interface Change {
  readonly kind: 'create' | 'update';
  readonly path: string;
  readonly text: string;
}

export interface InitPlan {
  readonly changes: Change[];
  /** What is left to do by hand, in order. */
  readonly steps: string[];
}

type Wanted = Pick<Change, 'path' | 'text'>;

const PACKAGE = 'nestjs-notify-queue';
/** Peers that the application imports from now on, and the versions that this release is made for. */
const PEERS = { '@nestjs/typeorm': '^12.0.0', pg: '^8.11.0', typeorm: '^1.0.0' };

/** What it takes to have the queue in a Nest application, with a first job. A second time there is nothing to do. @throws CliError */
export async function planInit(read: ReadFile, moduleOption?: string): Promise<InitPlan> {
  const project = await readProject(read, moduleOption);
  const wanted = [...(await moduleChanges(project, read)), ...mainChanges(project), ...manifestChanges(project)];
  const changes: Change[] = [];
  for (const { path, text } of wanted) {
    const there = await read(path);
    if (there !== text) changes.push({ kind: there === undefined ? 'create' : 'update', path, text });
  }
  return { changes, steps: stepsOf(project, changes) };
}

async function moduleChanges({ module, modulePath, isEsm }: Project, read: ReadFile): Promise<Wanted[]> {
  if (hasQueue(module)) return [];
  const folder = modulePath.slice(0, modulePath.lastIndexOf('/') + 1);
  const extension = isEsm ? '.js' : '';
  const migrations = migrationScripts.map((script) => ({ script, file: migrationFile(script, DEFAULT_SCHEMA, 'typescript') }));
  const names = migrations.map(({ script }) => script.name);
  const typeOrmAdditions: Addition[] = [
    { from: '@nestjs/typeorm', names: ['TypeOrmModule'] },
    ...migrations.map(({ script, file }) => ({ from: `./migrations/${file.name}${extension}`, names: [script.name] })),
  ];
  const text = await addToModule(module, {
    additions: [
      ...(hasTypeOrm(module) ? [] : typeOrmAdditions),
      { from: PACKAGE, names: ['NotifyQueueModule'] },
      { from: `./greeting.jobs${extension}`, names: ['GreetingJobs'] },
    ],
    imports: [...(hasTypeOrm(module) ? [] : [typeOrm(names)]), 'NotifyQueueModule.forRoot()'],
    provider: 'GreetingJobs',
  });
  if (text === undefined) throw new CliError(`${modulePath} has no @Module() with its metadata written out. Name the file of your root module with --module.`);
  const jobs = `${folder}greeting.jobs.ts`;
  return [
    { path: modulePath, text },
    ...migrations.map(({ file }) => ({ path: `${folder}migrations/${file.name}${file.extension}`, text: file.text })),
    { path: jobs, text: (await read(jobs)) ?? firstJobs },
  ];
}

function hasQueue(module: string): boolean {
  return /from\s*(['"])nestjs-notify-queue\1/.test(module);
}

function hasTypeOrm(module: string): boolean {
  return module.includes('TypeOrmModule.forRoot');
}

function typeOrm(migrations: readonly string[]): string {
  const settings = ["type: 'postgres'", 'url: process.env.DATABASE_URL', 'autoLoadEntities: true', `migrations: [${migrations.join(', ')}]`, 'migrationsRun: true'];
  return `TypeOrmModule.forRoot({\n${settings.map((line) => `      ${line},\n`).join('')}    })`;
}

/** So that SIGTERM lets running jobs end. */
function mainChanges({ main, mainPath }: Project): Wanted[] {
  if (main === undefined || main.includes('enableShutdownHooks')) return [];
  return [{ path: mainPath, text: main.replace(/^([ \t]*)(await app\.listen\()/m, '$1app.enableShutdownHooks();\n$1$2') }];
}

function manifestChanges({ manifest }: Project): Wanted[] {
  const parsed = JSON.parse(manifest) as { dependencies: Record<string, string>; devDependencies?: Record<string, string> };
  const missing = Object.entries(PEERS).filter(([name]) => !(name in parsed.dependencies) && !(name in (parsed.devDependencies ?? {})));
  if (missing.length === 0) return [];
  const dependencies = Object.entries({ ...parsed.dependencies, ...Object.fromEntries(missing) }).sort(([a], [b]) => (a < b ? -1 : 1));
  return [{ path: 'package.json', text: `${JSON.stringify({ ...parsed, dependencies: Object.fromEntries(dependencies) }, undefined, 2)}\n` }];
}

function stepsOf({ module, main, mainPath }: Project, changes: readonly Change[]): string[] {
  if (changes.length === 0) return [];
  return [
    ...(changes.some(({ path }) => path === 'package.json') ? ['npm install   # brings the lock file up to date'] : []),
    ...(hasTypeOrm(module) && !hasQueue(module) ? ['add the new migration to your data source and run it, or: npx notify-queue migrate'] : []),
    ...(main !== undefined && !main.includes('enableShutdownHooks') && !changes.some(({ path }) => path === mainPath)
      ? [`call app.enableShutdownHooks() in ${mainPath}, so that running jobs may end when the process is told to stop`]
      : []),
    'DATABASE_URL=postgres://user:password@localhost:5432/database npm start',
    `npx notify-queue jobs enqueue greet '{"name":"Ada"}' --wait   # with the same DATABASE_URL`,
  ];
}
