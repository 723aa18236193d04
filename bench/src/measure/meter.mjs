import { setTimeout as sleep } from 'node:timers/promises';

const SAMPLE_MS = 500;

/** What the server of one run did between `begin` and `end`. */
export class Meter {
  #server;
  /** @type {Usage | undefined} */
  #before;
  /** @type {Usage | undefined} */
  #after;
  #connections = 0;
  #sampler;

  /**
   * @typedef {{ cpuMs?: number, walBytes?: number, commits?: number }} Usage
   * @param {{ usage(): Promise<Usage>, connections(): Promise<number | undefined> }} server
   */
  constructor(server) {
    this.#server = server;
  }

  /** Call it right before the measured work. */
  async begin() {
    this.#before = await this.#server.usage();
    this.#sampler = setInterval(() => void this.#countConnections(), SAMPLE_MS);
    void this.#countConnections();
  }

  /** Counts connections no more. */
  stop() {
    clearInterval(this.#sampler);
  }

  async end() {
    this.stop();
    this.#after = await this.#server.usage();
  }

  /**
   * Figures a job. A connection reports its commits when it ends, so ask after the processes ended.
   *
   * @param {number} jobs
   */
  async figures(jobs) {
    const before = this.#before;
    if (!before || !this.#after || jobs === 0) return {};
    const perJob = (used) => (used === undefined ? undefined : used / jobs);
    return {
      serverUs: perJob(difference(before.cpuMs, this.#after.cpuMs, 1_000)),
      walBytes: perJob(difference(before.walBytes, this.#after.walBytes)),
      commits: perJob(difference(before.commits, await this.#commits())),
      connections: this.#connections || undefined,
    };
  }

  async #commits() {
    for (let waits = 0; waits < 40 && (await this.#server.connections()) > 0; waits++) await sleep(50);
    return (await this.#server.usage()).commits;
  }

  async #countConnections() {
    const count = await this.#server.connections().catch(() => undefined);
    this.#connections = Math.max(this.#connections, count ?? 0);
  }
}

function difference(before, after, scale = 1) {
  return before === undefined || after === undefined ? undefined : (after - before) * scale;
}
