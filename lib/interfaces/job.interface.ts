/** Writes to the application's logger with the job's id, name, queue and attempt. */
export interface JobLog {
  log(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  debug(message: string): void;
}

/** What a handler is given. */
export interface Job<Payload = unknown> {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly payload: Payload;
  /** Which run this is, 1 for the first. Runs cut short by a shutdown or a dead process do not count. */
  readonly attempt: number;
  /** How many runs the failure mode allows; undefined when a mode of your own decides. */
  readonly maxAttempts: number | undefined;
  /** What travels with the job from its enqueue, see `JobMiddleware`; empty when nothing does. */
  readonly context: Readonly<Record<string, unknown>>;
  /** When it was enqueued, by the database's clock. */
  readonly enqueuedAt: Date;
  /**
   * Fires when the run must end. Its reason is a `JobTimeoutError`, `JobCancelledError`,
   * `LostReservationError` or `ShutdownError`.
   */
  readonly signal: AbortSignal;
  readonly log: JobLog;
  /**
   * Stores a JSON value that `JobQueue.get` and `JobQueue.watch` show on every instance. Only the
   * latest value counts; writes are batched.
   *
   * @throws UnstorableValueError, ValueTooLargeError
   */
  progress(value: unknown): void;
}
