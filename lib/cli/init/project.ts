import { CliError } from '../cli-error.js';

/** Reads a file of the project, by its path from there; undefined when there is none. */
export type ReadFile = (path: string) => Promise<string | undefined>;

/** A Nest application, as far as it matters here. */
export interface Project {
  /** Of the root module. */
  readonly modulePath: string;
  readonly module: string;
  readonly mainPath: string;
  readonly main: string | undefined;
  readonly manifest: string;
  /** Imports of its own files need an extension. */
  readonly isEsm: boolean;
}

/** @throws CliError where there is no Nest application */
export async function readProject(read: ReadFile, moduleOption: string | undefined): Promise<Project> {
  const manifest = await read('package.json');
  if (manifest === undefined) throw new CliError('There is no package.json here. Run this in the directory of a Nest application.');
  const { type, dependencies } = parse('package.json', manifest);
  if (typeof dependencies !== 'object' || dependencies === null || !('@nestjs/core' in dependencies)) {
    throw new CliError('package.json has no dependency @nestjs/core. Run this in the directory of a Nest application.');
  }
  const settings = await read('nest-cli.json');
  const { sourceRoot = 'src' } = settings === undefined ? {} : parse('nest-cli.json', settings);
  const modulePath = moduleOption ?? `${String(sourceRoot)}/app.module.ts`;
  const module = await read(modulePath);
  if (module === undefined) throw new CliError(`There is no ${modulePath}. Name the file of your root module with --module.`);
  const mainPath = `${String(sourceRoot)}/main.ts`;
  return { modulePath, module, mainPath, main: await read(mainPath), manifest, isEsm: type === 'module' };
}

function parse(path: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw new CliError(`${path} is not JSON. Correct it, and try again.`, { cause: error });
  }
  throw new CliError(`${path} is no JSON object. Correct it, and try again.`);
}
