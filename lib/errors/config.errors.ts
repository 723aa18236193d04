import { NotifyQueueError } from './notify-queue.error.js';

/** No config row has this key. */
export class ConfigNotFoundError extends NotifyQueueError {
  readonly code = 'CONFIG_NOT_FOUND';
}

/** A config row with this key exists already; `set` writes either way. */
export class ConfigExistsError extends NotifyQueueError {
  readonly code = 'CONFIG_EXISTS';
}

/** A config value is not a non-blank string, or a key is not a usable one. */
export class InvalidConfigValueError extends NotifyQueueError {
  readonly code = 'INVALID_CONFIG_VALUE';
}
