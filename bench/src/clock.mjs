/**
 * Milliseconds of the machine's monotonic clock: the same in every process, whatever happens to the
 * time of day, so that a job's call in one process and its start in another can be subtracted.
 * `performance.now()` would need an offset, which is as wrong as the process is late to read it.
 */
export function now() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
