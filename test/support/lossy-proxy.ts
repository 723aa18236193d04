import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A way to the server on which an answer can be lost. */
export interface LossyProxy {
  /** The same database by this way. */
  readonly url: string;
  /**
   * The next request that holds this text reaches the server, and its connection breaks before the answer
   * arrives. Resolves when that has happened.
   */
  loseAnswerTo(text: string): Promise<void>;
  /** The same, but the connection breaks as soon as the request has been sent on. */
  breakAfter(text: string): Promise<void>;
}

/** Starts one for this test. */
export async function startLossyProxy(url: string): Promise<LossyProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let doomed: { text: string; atOnce: boolean; onLost: () => void } | undefined;

  const server = createServer((near) => {
    const far = connect(Number(target.port || 5_432), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    }
    const forward = (answer: Buffer): void => void near.write(answer);
    far.on('data', forward).once('close', () => near.destroy());
    near.once('end', () => far.end());
    near.on('data', (request) => {
      if (doomed && request.includes(doomed.text)) {
        const { atOnce, onLost } = doomed;
        doomed = undefined;
        if (atOnce) {
          far.off('data', forward).resume().write(request);
          // The server goes on with it, and this way out stays open until the test ends.
          near.removeAllListeners('end').destroy();
          return onLost();
        }
        far.off('data', forward).once('data', () => {
          near.destroy();
          // The server finishes what it has begun, and then finds nobody there.
          far.resume().end();
          onLost();
        });
      }
      far.write(request);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });

  const lose = (atOnce: boolean) => (text: string) => new Promise<void>((resolve) => (doomed = { text, atOnce, onLost: resolve }));
  const own = new URL(url);
  own.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: own.href, loseAnswerTo: lose(false), breakAfter: lose(true) };
}
