import { randomUUID } from 'node:crypto';

/**
 * Proves that notifications arrive: sends one to itself and waits for it. A query that answers only
 * proves the socket, not the subscription.
 */
export class Heartbeat {
  /** True when the last beat was sent and accepted, but never came back. */
  unanswered = false;
  private waiting: { nonce: string; answer: () => void } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly send: (nonce: string) => Promise<void>,
    private readonly intervalMs: number,
    private readonly timeoutMs: number,
  ) {}

  receive(nonce: string): void {
    if (this.waiting?.nonce === nonce) this.waiting.answer();
  }

  /** One beat, sent from here or from elsewhere. Rejects when it does not come back in time. */
  async prove(send = this.send): Promise<void> {
    const nonce = randomUUID();
    let sent = false;
    const answered = new Promise<void>((resolve, reject) => {
      this.waiting = { nonce, answer: resolve };
      this.timer = setTimeout(() => {
        this.unanswered = sent;
        reject(new Error(`No heartbeat came back within ${this.timeoutMs} ms`));
      }, this.timeoutMs);
    });
    try {
      await Promise.race([answered, send(nonce).then(() => ((sent = true), answered))]);
    } finally {
      clearTimeout(this.timer);
      answered.catch(() => undefined);
    }
  }

  /** Beats until one fails; rejects then. */
  async keepProving(): Promise<void> {
    while (!this.stopped) {
      await new Promise<void>((resolve) => {
        this.timer = setTimeout(resolve, this.intervalMs);
        this.timer.unref();
      });
      if (!this.stopped) await this.prove();
    }
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }
}
