import { setTimeout as sleep } from 'node:timers/promises';
import { Subject, type Observable } from 'rxjs';
import { toFailureRecord } from '../core/failure-record.js';
import type { ClusterEventKind, ClusterJobEvent, JobEvent } from '../interfaces/job-event.interface.js';
import type { EventStore, Log } from '../interfaces/ports/index.js';
import { GuardedObservable } from './guarded-observable.js';
import type { JobEvents } from './job-events.js';

/** The process that tells. */
export interface Origin {
  readonly host: string;
  readonly pid: number;
}

/** What happens in this time is told together. */
const INTERVAL_MS = 50;
/** While the database does not answer, what is over this is dropped. */
const MAX_WAITING = 10_000;
/** PostgreSQL takes 7,999 bytes, and a name or a text can take much of it. */
const MAX_PAYLOAD_BYTES = 7_500;
const MAX_MESSAGE = 500;

/**
 * Tells all processes of the kinds of events that were chosen, and shows what they tell. Best effort: nothing waits for it, and
 * what cannot be told is dropped.
 */
export class ClusterEvents {
  /** Those of every process, this one included, as they arrive. */
  readonly events$: Observable<ClusterJobEvent>;
  private readonly received = new Subject<ClusterJobEvent>();
  private readonly kinds: ReadonlySet<string>;
  private waiting: JobEvent[] = [];
  private sending: Promise<void> | undefined;
  private readonly stopping = new AbortController();

  constructor(
    private readonly store: EventStore,
    kinds: readonly ClusterEventKind[],
    events: JobEvents,
    private readonly origin: Origin,
    private readonly log: Log,
  ) {
    this.events$ = new GuardedObservable(this.received, (error) => events.report(error));
    this.kinds = new Set(kinds);
    if (kinds.length > 0) events.listen((event) => this.tell(event));
  }

  /** Whatever came over the channel, where anybody who may notify can write. */
  receive(payload: string): void {
    if (!this.received.observed) return;
    const { host, pid, events } = read(payload);
    if (!Array.isArray(events)) return;
    for (const event of events as ClusterJobEvent[]) {
      if (typeof event?.kind === 'string') this.received.next({ ...event, host: String(host), pid: Number(pid) });
    }
  }

  /** Tells what is still to be told, and ends. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.sending;
  }

  private tell(event: JobEvent): void {
    if (!this.kinds.has(event.kind) || this.waiting.length >= MAX_WAITING) return;
    this.waiting.push(event);
    this.sending ??= this.send().finally(() => (this.sending = undefined));
  }

  private async send(): Promise<void> {
    while (this.waiting.length > 0) {
      await sleep(INTERVAL_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      const batch = this.waiting;
      this.waiting = [];
      try {
        await this.store.publish(pack(batch, this.origin));
      } catch (error) {
        this.log.debug(`${batch.length} job events could not be told to other processes`, { error: toFailureRecord(error).message });
      }
    }
  }
}

/** Texts that each have room in a notification. */
function pack(events: readonly JobEvent[], { host, pid }: Origin): string[] {
  const head = `{"host":${JSON.stringify(host)},"pid":${pid},"events":[`;
  const payloads: string[] = [];
  let texts: string[] = [];
  let bytes = 0;
  const close = (): void => {
    if (texts.length > 0) payloads.push(`${head}${texts.join()}]}`);
    texts = [];
    bytes = 0;
  };
  for (const event of events) {
    const text = JSON.stringify(toTell(event));
    const length = Buffer.byteLength(text) + 1;
    if (bytes + length > MAX_PAYLOAD_BYTES - Buffer.byteLength(head)) close();
    texts.push(text);
    bytes += length;
  }
  close();
  return payloads;
}

/** Without what may be large: the context, the stack, the causes. */
function toTell(event: JobEvent): object {
  const { failure } = event;
  if (!failure) return { ...event, context: undefined };
  const { name, message, code } = failure;
  return { ...event, context: undefined, failure: { name, message: message.slice(0, MAX_MESSAGE).toWellFormed(), code } };
}

function read(payload: string): { host?: unknown; pid?: unknown; events?: unknown } {
  try {
    return JSON.parse(payload) ?? {};
  } catch {
    return {};
  }
}
