import { decodeRunSettings, type RunSettings } from './core/run-options.js';
import { HandlerConflictError } from './errors/configuration.errors.js';
import type { Handler, Handlers, RunPolicy } from './runtime/handler.js';
import { twoHandlers } from './notify-queue.messages.js';
import { queueOptionsOf, type ResolvedOptions } from './notify-queue.options.js';

/** A handler as the explorer found it. */
export interface FoundHandler extends Handler {
  /** The queue that its definition or options name. */
  readonly queue: string;
  /** Name of the `forRoot` that it belongs to. */
  readonly jobQueue: string;
  readonly settings: RunSettings;
  /** `Class.method`, for texts. */
  readonly method: string;
}

/**
 * The handlers of this process by job name. They are looked for when they are first asked for, so
 * that other modules' hooks can enqueue before this one's has run.
 */
export class HandlerRegistry implements Handlers {
  private readonly policies = new Map<string, RunPolicy>();
  private found: ReadonlyMap<string, FoundHandler> | undefined;
  private nameList: readonly string[] = [];

  constructor(
    private readonly options: ResolvedOptions,
    private readonly find: () => FoundHandler[],
  ) {}

  get names(): readonly string[] {
    return this.nameList;
  }

  get(name: string): FoundHandler | undefined {
    return this.handlers().get(name);
  }

  /** Undefined unless some handler takes batches, so that the others need not be asked for each job. */
  get batchOf(): Handlers['batchOf'] {
    return this.all().some(({ batch }) => batch) ? (name) => this.get(name)?.batch : undefined;
  }

  /** @throws HandlerConflictError, InvalidHandlerError, InvalidOptionError when it is the first call */
  all(): FoundHandler[] {
    return [...this.handlers().values()];
  }

  private handlers(): ReadonlyMap<string, FoundHandler> {
    if (this.found) return this.found;
    const found = new Map<string, FoundHandler>();
    for (const handler of this.find()) {
      const other = found.get(handler.name);
      if (other) throw new HandlerConflictError(twoHandlers(handler.name, other.method, handler.method));
      found.set(handler.name, handler);
    }
    this.nameList = [...found.keys()];
    return (this.found = found);
  }

  policyOf(name: string, queue: string, overrides: string | null): RunPolicy {
    if (overrides !== null) return this.resolve(name, queue, decodeRunSettings(overrides));
    const key = `${queue}\n${name}`;
    let policy = this.policies.get(key);
    if (!policy) this.policies.set(key, (policy = this.resolve(name, queue, {})));
    return policy;
  }

  /** The enqueue's word goes before the handler's, that before the queue's. */
  private resolve(name: string, queue: string, overrides: RunSettings): RunPolicy {
    const settings = this.get(name)?.settings;
    const wider = queueOptionsOf(this.options, queue);
    return {
      maxJobTimeMs: overrides.maxJobTimeMs ?? settings?.maxJobTimeMs ?? wider.maxJobTimeMs,
      abortGraceMs: overrides.abortGraceMs ?? settings?.abortGraceMs ?? wider.abortGraceMs,
      failureMode: overrides.failureMode ?? settings?.failureMode ?? wider.failureMode,
      successMode: overrides.successMode ?? settings?.successMode ?? wider.successMode,
      retryDelayMs: wider.retryDelayMs,
    };
  }
}
