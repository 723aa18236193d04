import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { Database } from '../../lib/store/database.js';

/** Messages of PostgreSQL's protocol: the password is not wanted, go ahead, and a fatal error. */
const ACCEPTED = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]);
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const FATAL = (() => {
  const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');
  const head = Buffer.from([0x45, 0, 0, 0, 0]);
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
})();

it('a connection that breaks in the packet that opens it is an outage, and does not end the process', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.end(Buffer.concat([ACCEPTED, READY, FATAL])));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);
  process.on('uncaughtException', note);
  onTestFinished(() => void process.off('uncaughtException', note));

  const { port } = server.address() as AddressInfo;
  const database = new Database({ connection: { host: '127.0.0.1', port, user: 'u', database: 'd' }, queryTimeoutMs: 1_000, onIdleError: () => undefined });
  for (let i = 0; i < 5; i++) {
    await expect(database.run({ name: '', text: 'SELECT 1' }, [], 'asking')).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  }
  await database.close();
  expect(uncaught).toEqual([]);
});
