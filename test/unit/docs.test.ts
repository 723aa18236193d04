import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
/** A comment that names a file of docs/examples and a part of it, and the code below it. */
const BLOCK = /<!-- (\S+\.ts)#(\S+) -->\n```ts\n([\s\S]*?)```/g;
const pages = readdirSync(resolve(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md'))
  .map((path) => `docs/${path.replaceAll('\\', '/')}`);

const IMPORT = /^import \{([^}]*)\} from '(nestjs-notify-queue[^']*)';$/gm;

/** What the code takes from this package, by the paths that users write. */
function imports(source: string, code: string): string {
  const lines = [...source.matchAll(IMPORT)].flatMap(([, names = '', from]) => {
    const used = names.split(',').map((name) => name.trim()).filter((name) => name && new RegExp(`\\b${name.replace(/^type /, '')}\\b`).test(code));
    return used.length > 0 ? [`import { ${used.join(', ')} } from '${from}';\n`] : [];
  });
  return lines.length > 0 && !code.startsWith('import ') ? `${lines.join('')}\n` : '';
}

/** The lines between `// #region name` and `// #endregion`, without their common indent. */
function region(file: string, name: string): string {
  const source = readFileSync(resolve(root, 'docs/examples', file), 'utf8');
  const body = new RegExp(`^ *// #region ${name}\\n([\\s\\S]*?)^ *// #endregion`, 'm').exec(source)?.[1];
  if (body === undefined) throw new Error(`docs/examples/${file} has no region ${name}`);
  const indent = Math.min(...body.split('\n').filter((line) => line.trim()).map((line) => line.search(/\S/)));
  const code = body.split('\n').map((line) => line.slice(indent)).join('\n');
  return imports(source, code) + code;
}

/** `UPDATE_DOCS=1 npx vitest run test/unit/docs.test.ts` writes the code into the pages. */
describe('code in the docs', () => {
  it.each(pages)('%s shows what is compiled', (page) => {
    const text = readFileSync(resolve(root, page), 'utf8');
    const current = text.replace(BLOCK, (_, file: string, name: string) => `<!-- ${file}#${name} -->\n\`\`\`ts\n${region(file, name)}\`\`\``);
    if (process.env['UPDATE_DOCS'] && current !== text) writeFileSync(resolve(root, page), current);
    else expect(text).toBe(current);
  });

  it('each page of docs/features has some, and links to no page that is missing', () => {
    const features = pages.filter((page) => page.startsWith('docs/features/'));
    expect(features.length).toBeGreaterThan(0);
    for (const page of features) {
      const text = readFileSync(resolve(root, page), 'utf8');
      expect([...text.matchAll(BLOCK)].length, page).toBeGreaterThan(0);
      for (const [, target = ''] of text.matchAll(/\]\(([^)#:]+\.md)/g)) {
        expect(() => readFileSync(resolve(root, page, '..', target)), `${page} -> ${target}`).not.toThrow();
      }
    }
  });
});
