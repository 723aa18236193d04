import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** The two ends of a connection: the client's and the server's. */
interface Link {
  readonly near: Socket;
  readonly far: Socket;
  /** What happens at one end is not told to the other any more. */
  severed: boolean;
}

/** Bytes that leave the last row of an answer without its end. */
const END_OF_ANSWER = 100;

/** A request whose connection breaks. */
interface Doom {
  readonly text: string;
  readonly breaks: 'at once' | 'before the answer' | 'in the answer';
  readonly onLost: () => void;
}

/** A way to the server on which things go wrong. */
export class FaultProxy {
  /** How many have connected so far. */
  connections = 0;
  private readonly links = new Set<Link>();
  /** What is on its way, in order, and when it may arrive. */
  private readonly travelling: Array<{ readonly at: number; readonly deliver: () => void }> = [];
  private isHeld = false;
  private delayMs = 0;
  private timer: NodeJS.Timeout | undefined;
  private doom: Doom | undefined;

  private constructor(
    private readonly server: Server,
    private target: URL,
  ) {}

  static async start(url: string, host = '127.0.0.1'): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server, new URL(url));
    server.on('connection', (near) => proxy.join(near)).listen(0, host);
    await once(server, 'listening');
    return proxy;
  }

  /** One that ends with this test. */
  static async forTest(url: string, host?: string): Promise<FaultProxy> {
    const proxy = await FaultProxy.start(url, host);
    onTestFinished(() => proxy.stop());
    return proxy;
  }

  /** New connections lead to this server from now on. */
  leadTo(url: string): void {
    this.target = new URL(url);
  }

  /** The same database by this way. */
  get url(): string {
    const url = new URL(this.target);
    const { address, port } = this.server.address() as AddressInfo;
    url.host = `${address}:${port}`;
    return url.href;
  }

  /** From now on nothing arrives, in either direction, and nobody is told. */
  hold(): void {
    this.isHeld = true;
  }

  /** What was kept back arrives now, in order, even if its sender has gone meanwhile. */
  release(): void {
    this.isHeld = false;
    this.deliver();
  }

  /** Everything arrives so much later, in either direction; 0 ends it. */
  slowDown(delayMs: number): void {
    this.delayMs = delayMs;
  }

  /** Every connection is reset, and both ends learn it. */
  cut(): void {
    for (const { near, far } of this.links) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** The server's end of every connection is gone; the client's stays open and hears nothing. */
  halfOpen(): void {
    for (const link of this.links) {
      link.severed = true;
      link.far.destroy();
    }
  }

  /** The next request that holds this text reaches the server, and its connection breaks before the answer arrives. Resolves then. */
  loseAnswerTo(text: string): Promise<void> {
    return new Promise((resolve) => (this.doom = { text, breaks: 'before the answer', onLost: resolve }));
  }

  /** The same, but all of the first part of the answer arrives except its end. */
  loseEndOfAnswerTo(text: string): Promise<void> {
    return new Promise((resolve) => (this.doom = { text, breaks: 'in the answer', onLost: resolve }));
  }

  /** The same, but the client's end breaks as soon as the request has been sent on, and the server's stays open. */
  breakAfter(text: string): Promise<void> {
    return new Promise((resolve) => (this.doom = { text, breaks: 'at once', onLost: resolve }));
  }

  /** Ends all that is wrong: what was kept back arrives, and both ends of what broke at one end are closed. */
  heal(): void {
    this.slowDown(0);
    this.doom = undefined;
    this.release();
    for (const { near, far, severed } of this.links) {
      if (severed) for (const socket of [near, far]) socket.destroy();
    }
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.server.close();
    for (const { near, far } of this.links) {
      near.destroy();
      far.destroy();
    }
    await once(this.server, 'close');
  }

  private join(near: Socket): void {
    this.connections++;
    const link: Link = { near, far: connect(Number(this.target.port || 5_432), this.target.hostname), severed: false };
    const { far } = link;
    this.links.add(link);
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.on('error', () => undefined).once('close', () => {
        if (near.closed && far.closed) this.links.delete(link);
        this.pass(() => void (link.severed || to.end()));
      });
    }
    near.on('data', (request) => this.pass(() => this.request(link, request)));
    far.on('data', (answer) => this.pass(() => void (link.severed || near.write(answer))));
  }

  private request(link: Link, request: Buffer): void {
    const { near, far } = link;
    if (this.doom && request.includes(this.doom.text)) {
      const { breaks, onLost } = this.doom;
      this.doom = undefined;
      link.severed = true;
      const lose = (): void => {
        near.destroy();
        // The server finishes what it has begun, and then finds nobody there.
        if (breaks !== 'at once') far.end();
        onLost();
      };
      if (breaks === 'at once') return void far.write(request, lose);
      far.once('data', (answer: Buffer) => (breaks === 'in the answer' ? near.write(answer.subarray(0, -END_OF_ANSWER), lose) : lose()));
    }
    far.write(request);
  }

  private pass(deliver: () => void): void {
    this.travelling.push({ at: performance.now() + this.delayMs, deliver });
    this.deliver();
  }

  private deliver(): void {
    clearTimeout(this.timer);
    while (!this.isHeld && this.travelling.length > 0) {
      const { at, deliver } = this.travelling[0]!;
      const early = at - performance.now();
      if (early > 0) return void (this.timer = setTimeout(() => this.deliver(), early));
      this.travelling.shift();
      deliver();
    }
  }
}
