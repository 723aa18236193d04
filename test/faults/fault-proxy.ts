import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to the server on which packets can be kept back, for a while or for good. */
export class FaultProxy {
  private readonly sockets = new Set<Socket>();
  private held: Array<() => void> | undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {}

  static async start(url: string): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server, new URL(url));
    server.on('connection', (near) => proxy.join(near)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  /** The same database by this way. */
  get url(): string {
    const url = new URL(this.target);
    url.host = `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return url.href;
  }

  /** From now on nothing arrives, in either direction, and nobody is told. */
  hold(): void {
    this.held ??= [];
  }

  /** What was kept back arrives now, in order, even if its sender has gone meanwhile. */
  release(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const deliver of held) deliver();
  }

  async stop(): Promise<void> {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, 'close');
  }

  private join(near: Socket): void {
    const far = connect(Number(this.target.port || 5_432), this.target.hostname);
    this.pipe(near, far);
    this.pipe(far, near);
  }

  private pipe(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from
      .on('error', () => undefined)
      .on('data', (data) => this.pass(() => void to.write(data)))
      .once('close', () => {
        this.sockets.delete(from);
        this.pass(() => void to.end());
      });
  }

  private pass(deliver: () => void): void {
    if (this.held) this.held.push(deliver);
    else deliver();
  }
}
