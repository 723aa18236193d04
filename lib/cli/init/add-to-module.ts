import { CliError } from '../cli-error.js';

/** An import declaration. */
export interface Addition {
  readonly from: string;
  readonly names: readonly string[];
}

export interface ModuleAdditions {
  readonly additions: readonly Addition[];
  /** Modules, as expressions. */
  readonly imports: readonly string[];
  readonly provider: string;
}

type MetadataManager = new (content: string) => { insert(metadata: string, symbol: string): string | undefined };

const IMPORT = /^import\s[\s\S]*?from\s*(['"])[^'"]+\1;?[ \t]*$/gm;

/** The text of a module with more in it, with the line ends that it has; undefined when it has no `@Module()`. @throws CliError */
export async function addToModule(text: string, additions: ModuleAdditions): Promise<string | undefined> {
  const changed = await add(text.replaceAll('\r\n', '\n'), additions);
  return text.includes('\r\n') ? changed?.replaceAll('\n', '\r\n') : changed;
}

async function add(text: string, { additions, imports, provider }: ModuleAdditions): Promise<string | undefined> {
  const Manager = await loadManager();
  // Nest's own generators write a list in one line, which is long for modules with options.
  const empty = /\bimports:\s*\[\s*\]/.exec(text);
  let changed: string | undefined;
  if (empty) {
    const items = imports.map((item) => `    ${item},\n`).join('');
    changed = `${text.slice(0, empty.index)}imports: [\n${items}  ]${text.slice(empty.index + empty[0].length)}`;
  } else {
    changed = imports.reduce<string | undefined>((content, item) => content && new Manager(content).insert('imports', item), text);
  }
  changed = changed && new Manager(changed).insert('providers', provider);
  if (changed && !imports.every((item) => changed?.includes(item))) {
    throw new CliError(`The module's imports are no list that can be added to. Add by hand: ${imports.join(', ').replaceAll(/\s+/g, ' ')}`);
  }
  return changed && addImports(changed, additions);
}

function addImports(text: string, additions: readonly Addition[]): string {
  const lines = additions.map(({ from, names }) => `import { ${names.join(', ')} } from '${from}';`).join('\n');
  const last = [...text.matchAll(IMPORT)].at(-1);
  if (!last) return `${lines}\n\n${text}`;
  const end = last.index + last[0].length;
  return `${text.slice(0, end)}\n${lines}${text.slice(end)}`;
}

/** Every application of the Nest CLI has it. */
async function loadManager(): Promise<MetadataManager> {
  try {
    const schematics = (await import('@nestjs/schematics')) as unknown as { MetadataManager: MetadataManager };
    return schematics.MetadataManager;
  } catch (error) {
    throw new CliError('The package @nestjs/schematics is missing, which changes modules. Run `npm install --save-dev @nestjs/schematics`, and try again.', {
      cause: error,
    });
  }
}
