import { SingleBar } from 'cli-progress';

/** How far something is, where standard error is a terminal. Its function is told how many are done. */
export async function withProgress<T>(what: string, total: number, work: (done: (count: number) => void) => Promise<T>): Promise<T> {
  const bar = new SingleBar({
    format: `${what} {bar} {value}/{total} | {eta_formatted} left`,
    stream: process.stderr,
    hideCursor: true,
    // Elsewhere than on a terminal it would write a line for every step.
    noTTYOutput: false,
  });
  if (process.stderr.isTTY) bar.start(total, 0);
  try {
    return await work((count) => bar.update(count));
  } finally {
    bar.stop();
  }
}

/** Runs a task for each item, some at a time, and shows how far it is. */
export async function forEach<T>(what: string, items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  await withProgress(what, items.length, async (done) => {
    let ended = 0;
    const rest = items[Symbol.iterator]();
    const work = async (): Promise<void> => {
      for (const item of rest) {
        await task(item);
        done(++ended);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
  });
}

/** Two connections, and some that wait for one. */
const PARALLEL = 4;
