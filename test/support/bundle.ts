import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';

/** What takes a process a second to load, file by file; the rest stays where it is. */
const BUNDLED = /^(\.|\/|nestjs-notify-queue$|typeorm$|rxjs$|rxjs\/|@nestjs\/(common|core|typeorm|platform-express|platform-fastify)(\/|$))/;

/**
 * Puts a program of the build into one file, `dist/test/bundles/<name>.js`, which starts in half the time.
 * A build removes `dist`, so one that is there is of that build.
 */
export async function bundle(root: string, name: string): Promise<void> {
  const directory = join(root, 'dist/test/bundles');
  if (existsSync(join(directory, `${name}.js`))) return;
  const draft = join(directory, `${process.pid}`);
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    ssr: { noExternal: true },
    build: {
      ssr: join('dist/test/fixtures', `${name}.js`),
      outDir: draft,
      target: 'node20',
      minify: false,
      rolldownOptions: {
        external: (id) => !BUNDLED.test(id),
        output: { keepNames: true, codeSplitting: false, entryFileNames: `${name}.js` },
      },
    },
  });
  // Another process may be making the same, or run it already.
  await rename(join(draft, `${name}.js`), join(directory, `${name}.js`));
  await rm(draft, { recursive: true });
}
