import { planInit } from './plan-init.js';

/** The part of a tree of `@angular-devkit/schematics` that is used here. */
interface Tree {
  exists(path: string): boolean;
  readText(path: string): string;
  create(path: string, text: string): void;
  overwrite(path: string, text: string): void;
}

interface Context {
  readonly logger: { info(message: string): void };
}

/** For `nest add nestjs-notify-queue`. */
export function nestAdd(): (tree: Tree, context: Context) => Promise<void> {
  return async (tree, { logger }) => {
    const { changes, steps } = await planInit(async (path) => (tree.exists(path) ? tree.readText(path) : undefined));
    for (const { kind, path, text } of changes) {
      if (kind === 'create') tree.create(path, text);
      else tree.overwrite(path, text);
    }
    logger.info(steps.length > 0 ? ['Next:', ...steps.map((step) => `  ${step}`)].join('\n') : 'The queue is here already.');
  };
}
