import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** A way to a server on which answers can be lost and connections can fall silent. */
export class Proxy {
  #links = new Set();
  #armed;

  /** @param {number} port of the server, on this machine */
  static async start(port) {
    const proxy = new Proxy(port);
    await once(proxy.server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  constructor(target) {
    this.target = target;
    this.server = createServer((near) => this.#join(near));
  }

  get port() {
    return this.server.address().port;
  }

  /** The next request that matches is passed on; its answer is lost, and the connection with it. */
  loseAnswerTo(pattern) {
    return new Promise((lost) => (this.#armed = { pattern, lost }));
  }

  /** Nothing comes through any more on the connection that the server knows by this port, and nobody is told. */
  silence(port) {
    for (const link of this.#links) if (link.far.localPort === port) link.silent = true;
  }

  async stop() {
    this.server.close();
    for (const link of this.#links) destroy(link);
  }

  #join(near) {
    const far = connect(this.target, '127.0.0.1');
    const link = { near, far, silent: false, doomed: undefined };
    this.#links.add(link);
    near.on('data', (data) => {
      if (link.silent) return;
      if (!link.doomed && this.#armed?.pattern.test(data.toString('latin1'))) {
        link.doomed = this.#armed;
        this.#armed = undefined;
      }
      far.write(data);
    });
    far.on('data', (data) => {
      if (link.silent) return;
      if (!link.doomed) return void near.write(data);
      // It has answered, so it is done; anything of the same answer that is still to come is lost too.
      setTimeout(() => {
        destroy(link);
        link.doomed.lost();
      }, 30);
    });
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('error', () => {}).on('close', () => {
        this.#links.delete(link);
        if (!link.silent) to.destroy();
      });
    }
  }
}

function destroy({ near, far }) {
  near.destroy();
  far.destroy();
}
