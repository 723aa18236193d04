/**
 * Base class of every error this package throws on purpose. `code` is stable across releases;
 * `message` says what happened, to what, and what to do about it.
 */
export abstract class NotifyQueueError extends Error {
  /** Stable, machine-readable code, for example `VALUE_TOO_LARGE`. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
