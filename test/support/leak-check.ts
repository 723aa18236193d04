import { ChildProcess } from 'node:child_process';
import { Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach } from 'vitest';
import { closeShops } from './sample.js';
import { killWorkers } from './worker.js';

const GRACE_MS = 2_000;

// Registered before the hooks of the test file, so it runs after all of them.
afterAll(async () => {
  const deadline = performance.now() + GRACE_MS;
  let leaks = findLeaks();
  while (leaks.length > 0 && performance.now() < deadline) {
    await sleep(20);
    leaks = findLeaks();
  }
  if (leaks.length > 0) throw new Error(`Still open after the tests:\n${leaks.join('\n')}`);
});

afterEach(killWorkers);
afterAll(closeShops);

/** Whatever would keep the process of an application alive; unref'd handles are not listed. */
function findLeaks(): string[] {
  const { _getActiveHandles } = process as unknown as { _getActiveHandles(): unknown[] };
  const leaks = _getActiveHandles.call(process).flatMap((handle) => describeHandle(handle) ?? []);
  const timers = process.getActiveResourcesInfo().filter((type) => type === 'Timeout');
  return timers.length > 0 ? [...leaks, `${timers.length} timer(s)`] : leaks;
}

function describeHandle(handle: unknown): string | undefined {
  if (handle instanceof ChildProcess) return `child process ${handle.spawnargs.join(' ')}`;
  if (handle instanceof Server) return `server on ${JSON.stringify(handle.address())}`;
  // The pipes of the test runner are sockets as well, but have no peer.
  if (handle instanceof Socket && (handle.connecting || handle.remotePort)) {
    return `socket to ${handle.remoteAddress}:${handle.remotePort}`;
  }
  return undefined;
}
