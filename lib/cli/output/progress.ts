import { SingleBar } from 'cli-progress';

/** Runs a task for each item, some at a time, and shows how far it is, where standard error is a terminal. */
export async function forEach<T>(what: string, items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const bar = new SingleBar({
    format: `${what} {bar} {value}/{total} | {eta_formatted} left`,
    stream: process.stderr,
    hideCursor: true,
    // Elsewhere than on a terminal it would write a line for every step.
    noTTYOutput: false,
  });
  if (process.stderr.isTTY) bar.start(items.length, 0);
  const rest = items[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (const item of rest) {
      await task(item);
      bar.increment();
    }
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL }, work));
  } finally {
    bar.stop();
  }
}

/** Two connections, and some that wait for one. */
const PARALLEL = 4;
