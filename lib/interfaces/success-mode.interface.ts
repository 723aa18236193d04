/** What a success mode is told about a completed job. */
export interface Success {
  readonly jobId: string;
  readonly name: string;
  readonly queue: string;
  readonly payload: unknown;
  readonly attempt: number;
  readonly result: unknown;
  readonly enqueuedAt: Date;
  readonly startedAt: Date;
  readonly completedAt: Date;
  /** Milliseconds from enqueue to the start of this run, by the database's clock. */
  readonly queueTimeMs: number;
  /** Milliseconds that the handler ran. */
  readonly runTimeMs: number;
}

/** A success mode of your own: an injectable class. What it throws is logged and changes nothing. */
export interface SuccessHandler {
  handleSuccess(success: Success): void | Promise<void>;
}

export type SuccessModeSpec =
  | { readonly mode: 'none' }
  | { readonly mode: 'log' }
  | { readonly mode: 'custom'; readonly className: string };

/** A success mode as options take it: `LogSuccess()`, `IgnoreSuccess()` or a class. */
export type SuccessMode = SuccessModeSpec | (new (...args: never[]) => SuccessHandler);
