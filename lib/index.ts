export { NotifyQueueModule } from './notify-queue.module.js';
export type { NotifyQueueOptionsFactory } from './notify-queue.module-definition.js';
export { JobQueue } from './job-queue.js';
export { getJobConfigsToken, getJobQueueToken, InjectJobConfigs, InjectJobQueue } from './job-queue.tokens.js';
export { JobConfigs, toBoolean, toNumber } from './job-configs.js';
export { JobHandler, type JobHandlerOptions } from './decorators/job-handler.decorator.js';
export { JobManager, JobPayload, JobRef, JobSignal } from './decorators/job-params.decorators.js';
export { isJobContext, jobOf } from './job-context/job-context.js';
export { defineJob } from './define-job.js';
export {
  Abandon,
  ExponentialRetry,
  type ExponentialRetryOptions,
  Move,
  Retry,
  type RetryOptions,
} from './core/failure-modes.js';
export { IgnoreSuccess, LogSuccess } from './core/success-modes.js';
export {
  AbandonJobError,
  ConfigExistsError,
  ConfigNotFoundError,
  DatabaseUnavailableError,
  DuplicateModuleError,
  EnqueueOutcomeUnknownError,
  EntitiesNotRegisteredError,
  HandlerConflictError,
  InvalidArgumentError,
  InvalidConfigValueError,
  InvalidHandlerError,
  InvalidOptionError,
  InvalidPayloadError,
  JobAbandonedError,
  JobCancelledError,
  JobForgottenError,
  JobNotFoundError,
  JobStateError,
  JobTimeoutError,
  LostReservationError,
  MigrationsPendingError,
  NotifyQueueError,
  QueueClosedError,
  ResultTimeoutError,
  SchemaTooNewError,
  ShutdownError,
  SnoozeJobError,
  TransactionEndedError,
  UnknownQueueError,
  UnreadableValueError,
  UnstorableValueError,
  UnsupportedDatabaseError,
  ValueTooLargeError,
} from './errors/index.js';
export { notifyQueueEntities, queueEntities } from './store/entities/index.js';
export type { JobConfigEntity, JobEntity, JobHistoryEntity, JobInstanceEntity } from './store/entities/index.js';
export type { BatchOptions, BatchOutcome, BatchOutcomes } from './interfaces/batch.interface.js';
export type { BulkCriteria, BulkOptions, BulkResult, BulkUpdate, CancelManyOptions } from './interfaces/bulk.interface.js';
export type { Duration } from './interfaces/duration.interface.js';
export type { EnqueuedJob, EnqueueManyOptions, EnqueueOptions, EnqueueOutcome, UniqueOptions } from './interfaces/enqueue.interface.js';
export type { Failure, FailureDecision, FailureHandler, FailureMode } from './interfaces/failure-mode.interface.js';
export type { Success, SuccessHandler, SuccessMode } from './interfaces/success-mode.interface.js';
export type { ConfigCallOptions, ConfigChange, JobConfig, WatchOptions } from './interfaces/job-config.interface.js';
export { encryption, type EncryptionOptions } from './core/encryption.js';
export type { CodecSubject, JobCodec } from './interfaces/job-codec.interface.js';
export type { StandardSchema } from './interfaces/standard-schema.interface.js';
export type { JobDefinition, JobDefinitionOptions, JobTypes, PayloadOptions, RunOptions } from './interfaces/job-definition.interface.js';
export type { ClusterEventKind, ClusterJobEvent, JobEvent, JobEventKind } from './interfaces/job-event.interface.js';
export type { EnqueueCall, JobMiddleware } from './interfaces/job-middleware.interface.js';
export type { JobQueueStats, ObservedJobQueue, SchemaVersion } from './interfaces/job-queue-stats.interface.js';
export type { Job, JobLog } from './interfaces/job.interface.js';
export type {
  CancelResult,
  FailureRecord,
  FinalState,
  InstanceStatus,
  JobCriteria,
  JobPage,
  JobRecord,
  JobState,
  JobUpdate,
  LiveState,
  PageOptions,
  QueueStatus,
  Status,
} from './interfaces/job-record.interface.js';
export type {
  EnhancerOptions,
  ListenOptions,
  NotifyQueueExtras,
  NotifyQueueOptions,
  QueueOptions,
  RetentionOptions,
  Role,
} from './interfaces/module-options.interface.js';
