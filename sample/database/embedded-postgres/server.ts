import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedPostgresOptions } from '../embedded-postgres.js';
import type { PostgresAccount } from './account.js';
import { readLock, serverUrl } from './lock.js';

const READY_POLL_MS = 20;
const KEPT_LINES = 20;

/** A program of PostgreSQL that runs. */
export interface Run {
  child: ChildProcess;
  /** Resolves with the exit code; never rejects. */
  exited: Promise<number | null>;
  lastLines(): string;
}

/** A server that accepts connections. */
export interface Server {
  address: { url: string; port: number };
  stop(): Promise<void>;
}

/** Runs a program as the given account, in a session of its own so that Ctrl-C doesn't reach it. */
export function launch(
  account: PostgresAccount,
  program: string,
  args: string[],
  log: (line: string) => void = () => {},
): Run {
  const [command = program, ...rest] = [...account.prefix, program, ...args];
  const child = spawn(command, rest, {
    ...(account.prefix.length === 0 && account.user), // a prefix changes the user itself
    detached: true,
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const keep = (line: string) => {
    log(line);
    if (lines.push(line) > KEPT_LINES) lines.shift();
  };
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', keep);
  const exited = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      keep(error.message);
      resolve(null);
    });
    child.once('close', resolve);
  });
  return { child, exited, lastLines: () => lines.join('\n') };
}

/** Starts the server of a cluster and waits until it accepts connections. */
export async function startServer(
  postgres: string,
  account: PostgresAccount,
  cluster: string,
  options: EmbeddedPostgresOptions & { scratch: string },
): Promise<Server> {
  const port = options.port ?? (await freePort());
  const url = await serverUrl(cluster, port);
  const settings = {
    ...options.settings,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const run = launch(account, postgres, ['-D', cluster, '-p', `${port}`, ...flags], options.log);
  const dismissGuard = guard(run.child.pid, cluster, options.scratch);
  let running = true;
  void run.exited.then(() => {
    running = false;
    dismissGuard();
  });
  while (running) {
    const lock = await readLock(cluster);
    if (lock?.ready && lock.pid === run.child.pid) {
      return {
        address: { url, port },
        async stop() {
          run.child.kill('SIGINT');
          await run.exited;
        },
      };
    }
    await sleep(READY_POLL_MS);
  }
  throw new Error(`postgres exited\n${run.lastLines()}`);
}

/**
 * Lets a small shell stop the server, and remove its temporary directory, once this process is gone
 * without having called the returned function: the shell's standard input ends with us.
 */
function guard(pid: number | undefined, cluster: string, scratch: string): () => void {
  const script = `
    read -r _
    kill -INT "$1"
    tries=0
    while [ -e "$2/postmaster.pid" ] && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
    [ -z "$3" ] || rm -rf "$3"`;
  const shell = spawn('sh', ['-c', script, 'sh', `${pid}`, cluster, scratch], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.on('error', () => {}); // no shell on this platform: stop() is all there is
  shell.unref();
  return () => void shell.kill('SIGKILL');
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
