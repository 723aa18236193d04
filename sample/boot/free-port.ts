// Asks for the HTTP port before anything else starts, so that a second start by mistake is told
// what to do at once.
import { once } from 'node:events';
import { createServer } from 'node:net';

/** @throws Error when the port can't be listened to */
export async function requireFreePort(port: number): Promise<void> {
  const server = createServer().listen(port);
  try {
    await once(server, 'listening');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'is taken' : 'is refused';
    throw new Error(`Port ${port} ${why}. Choose another one: PORT=${port + 1} npm start`, {
      cause,
    });
  }
  server.close();
  await once(server, 'close');
}
