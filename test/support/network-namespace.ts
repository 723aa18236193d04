import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';

/** How a network is cut: its own interface is down, or everything that is sent either way is lost. */
export type Cut = 'link down' | 'packets dropped';

/** Nobody has this hardware address. */
const NOBODY = '02:00:00:00:00:01';

let made = 0;

/**
 * A network of its own, joined by a pair of virtual interfaces on private addresses. It has no name and ends with
 * the process that holds it, whatever becomes of the test.
 */
export class NetworkNamespace {
  /** This machine, seen from within; and the namespace, seen from this machine. */
  readonly hostAddress: string;
  private readonly ownAddress: string;

  private constructor(
    private readonly holder: ChildProcess,
    private readonly outer: string,
    private readonly inner: string,
    network: string,
  ) {
    this.hostAddress = `${network}.1`;
    this.ownAddress = `${network}.2`;
  }

  /** Why there can be none here, or nothing. */
  static obstacle(): string | undefined {
    const name = `nqt${process.pid}`;
    try {
      execFileSync('unshare', ['--net', 'true'], { stdio: 'pipe' });
      execFileSync('nsenter', ['--version'], { stdio: 'pipe' });
      execFileSync('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`], { stdio: 'pipe' });
      execFileSync('ip', ['link', 'delete', name], { stdio: 'pipe' });
      return undefined;
    } catch (error) {
      return `no network namespace can be made: ${String((error as Error).message).trim()}`;
    }
  }

  /** One that ends with this test. */
  static async forTest(): Promise<NetworkNamespace> {
    const number = made++;
    const [outer, inner] = [`nq${process.pid}o${number}`, `nq${process.pid}i${number}`];
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; read -r _'], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(async () => {
      holder.stdin.end();
      if (holder.exitCode === null) await once(holder, 'exit');
    });
    await once(holder.stdout, 'data');
    const network = `10.${201 + (number % 50)}.${(process.pid >> 8) & 255}`;
    const namespace = new NetworkNamespace(holder, outer, inner, network);
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', `${holder.pid}`);
    onTestFinished(() => {
      // Gone with the namespace as a rule, but that is cleared away behind our back.
      try {
        ip('link', 'delete', outer);
      } catch {}
    });
    ip('address', 'add', `${namespace.hostAddress}/30`, 'dev', outer);
    ip('link', 'set', outer, 'up');
    namespace.ip('address', 'add', `${namespace.ownAddress}/30`, 'dev', inner);
    namespace.ip('link', 'set', inner, 'up');
    return namespace;
  }

  /** What a command must be started through to be within. Its process id stays that of the command. */
  get prefix(): readonly string[] {
    return ['nsenter', `--net=/proc/${this.holder.pid}/ns/net`];
  }

  cut(how: Cut): void {
    if (how === 'link down') return this.ip('link', 'set', this.inner, 'down');
    ip('neighbour', 'replace', this.ownAddress, 'lladdr', NOBODY, 'nud', 'permanent', 'dev', this.outer);
    this.ip('neighbour', 'replace', this.hostAddress, 'lladdr', NOBODY, 'nud', 'permanent', 'dev', this.inner);
  }

  heal(how: Cut): void {
    if (how === 'link down') return this.ip('link', 'set', this.inner, 'up');
    ip('neighbour', 'delete', this.ownAddress, 'dev', this.outer);
    this.ip('neighbour', 'delete', this.hostAddress, 'dev', this.inner);
  }

  private ip(...args: string[]): void {
    const [command, ...rest] = [...this.prefix, 'ip', ...args];
    execFileSync(command!, rest, { stdio: 'pipe' });
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}
