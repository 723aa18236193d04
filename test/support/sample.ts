import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureBuilt, projectRoot } from './build.js';

export interface ShopOptions {
  readonly dataDirectory: string;
  /** Without one the sample starts a PostgreSQL of its own. */
  readonly databaseUrl?: string;
  readonly env?: Record<string, string>;
}

/** The sample as a user starts it. */
export interface Shop {
  readonly url: string;
  /** What it has printed so far. */
  readonly output: string;
  get(path: string): Promise<Answer>;
  post(path: string, body?: unknown): Promise<Answer>;
  put(path: string, body?: unknown): Promise<Answer>;
  /** Gives the exit code of `npm start`. SIGKILL goes to npm and the application, any other signal to npm alone. */
  kill(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<number | null>;
}

export interface Answer {
  readonly status: number;
  /** Parsed JSON; a Buffer when it is something else. */
  readonly body: any;
}

const READY_TIMEOUT_MS = 60_000;
const running = new Set<Shop>();

/** What a file leaves open ends with it: leak-check.ts. */
export async function closeShops(): Promise<void> {
  await Promise.all([...running].map((shop) => shop.kill('SIGKILL')));
}

/** Runs the command of the README and waits until the shop is open. */
export async function openShop({ dataDirectory, databaseUrl, env }: ShopOptions): Promise<Shop> {
  await ensureBuilt();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn('npm', ['start'], {
    cwd: projectRoot,
    detached: true, // a process group of its own, to kill it as a whole
    env: { ...userEnvironment(), PORT: `${port}`, DATA_DIR: dataDirectory, DATABASE_URL: databaseUrl ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  let hasExited = false;
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      hasExited = true;
      running.delete(shop);
      resolve(code);
    });
  });
  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(url + path, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    });
    const isJson = response.headers.get('content-type')?.includes('json');
    const content = Buffer.from(await response.arrayBuffer());
    return { status: response.status, body: isJson ? JSON.parse(content.toString()) : content };
  };
  const shop: Shop = {
    url,
    get output() {
      return output;
    },
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    put: (path, body) => call('PUT', path, body),
    kill(signal) {
      if (!hasExited) process.kill(signal === 'SIGKILL' ? -child.pid! : child.pid!, signal);
      return exited;
    },
  };
  running.add(shop);

  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!output.includes('The shop is open')) {
    if (hasExited || performance.now() > deadline) throw new Error(`The shop did not open\n${output}`);
    await sleep(20);
  }
  return shop;
}

/** Without what the test runner adds for itself. */
function userEnvironment(): NodeJS.ProcessEnv {
  const { NODE_ENV: _env, VITEST: _vitest, ...rest } = process.env;
  return rest;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
