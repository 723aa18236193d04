import { decodeRunSettings, type RunSettings } from './core/run-options.js';
import { HandlerConflictError } from './errors/configuration.errors.js';
import type { Handler, Handlers, RunPolicy } from './runtime/handler.js';
import { twoHandlers } from './notify-queue.messages.js';
import { queueOptionsOf, type ResolvedOptions } from './notify-queue.options.js';

/** A handler as the explorer found it. */
export interface FoundHandler extends Handler {
  /** The queue that its definition or options name. */
  readonly queue: string;
  readonly settings: RunSettings;
  /** `Class.method`, for texts. */
  readonly method: string;
}

/** The handlers of this process by job name. */
export class HandlerRegistry implements Handlers {
  private readonly byName = new Map<string, FoundHandler>();
  private readonly policies = new Map<string, RunPolicy>();
  private nameList: string[] = [];

  constructor(private readonly options: ResolvedOptions) {}

  get names(): readonly string[] {
    return this.nameList;
  }

  /** @throws HandlerConflictError */
  add(handler: FoundHandler): void {
    const other = this.byName.get(handler.name);
    if (other) throw new HandlerConflictError(twoHandlers(handler.name, other.method, handler.method));
    this.byName.set(handler.name, handler);
    this.nameList = [...this.byName.keys()];
  }

  get(name: string): FoundHandler | undefined {
    return this.byName.get(name);
  }

  all(): FoundHandler[] {
    return [...this.byName.values()];
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
    const settings = this.byName.get(name)?.settings;
    const wider = queueOptionsOf(this.options, queue);
    return {
      maxJobTimeMs: overrides.maxJobTimeMs ?? settings?.maxJobTimeMs ?? wider.maxJobTimeMs,
      failureMode: overrides.failureMode ?? settings?.failureMode ?? wider.failureMode,
      successMode: overrides.successMode ?? settings?.successMode ?? wider.successMode,
      retryDelayMs: wider.retryDelayMs,
    };
  }
}
