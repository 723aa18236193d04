/**
 * A promise to be settled from outside; `Promise.withResolvers` is newer than Node 20.
 *
 * @template T
 * @returns {{ promise: Promise<T>, resolve: (value: T) => void, reject: (error: Error) => void }}
 */
export function deferred() {
  let resolve;
  let reject;
  const promise = new Promise((...settle) => ([resolve, reject] = settle));
  return { promise, resolve, reject };
}
