export { NotifyQueueError } from './notify-queue.error.js';
export * from './config.errors.js';
export {
  DuplicateModuleError,
  EntitiesNotRegisteredError,
  HandlerConflictError,
  InvalidHandlerError,
  InvalidOptionError,
  MigrationsPendingError,
  SchemaTooNewError,
  UnknownQueueError,
  UnsupportedDatabaseError,
} from './configuration.errors.js';
export * from './database.errors.js';
export * from './enqueue.errors.js';
export * from './job.errors.js';
export * from './outcome.errors.js';
