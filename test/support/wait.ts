import { setTimeout as sleep } from 'node:timers/promises';

export interface UntilOptions {
  /** Milliseconds. @default 10_000 */
  timeout?: number;
  /** Milliseconds between two looks. @default 10 */
  interval?: number;
  /** Says what did not happen; may look at the state at that moment. */
  message?: string | (() => string);
}

/**
 * Waits until the predicate returns something truthy, and returns it. For states that no event
 * announces; await the event where there is one. A predicate that throws fails the wait at once.
 */
export async function until<T>(
  predicate: () => T | Promise<T>,
  { timeout = 10_000, interval = 10, message = 'it did not come true' }: UntilOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const value = await predicate();
    if (value) return value as Exclude<T, false | null | undefined>;
    if (performance.now() > deadline) {
      const text = typeof message === 'string' ? message : message();
      throw new Error(`Waited ${timeout} ms: ${text}`);
    }
    await sleep(interval);
  }
}

/** A promise with its settling functions, for tests that hold a handler until they let it go. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T | PromiseLike<T>): void;
  reject(reason: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let settle!: Omit<Deferred<T>, 'promise'>;
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}
