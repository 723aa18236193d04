import { contenders } from './contenders.mjs';
import { Meter } from './measure/meter.mjs';
import { ContenderProcess } from './processes/contender-process.mjs';
import { RunRedis } from './servers/redis.mjs';

/** One run of one contender: a database or a Redis of its own, and the processes that use it. */
export class ContenderRun {
  #processes = [];
  #meters = [];

  /**
   * @param {string} name of the contender
   * @param {import('./servers/postgres.mjs').Postgres} postgres
   * @param {{ queues: string[], ballast?: Ballast, options?: object }} plan
   *
   * @typedef {{ key: string, fill: (run: ContenderRun) => Promise<void> }} Ballast what is in the tables beforehand
   */
  static async open(name, postgres, plan) {
    const run = new ContenderRun(name, plan);
    if (run.isPostgres && plan.ballast) {
      const prepare = (database) => new ContenderRun(name, plan, database).#prepare();
      run.server = await postgres.copy(`${name} ${plan.ballast.key}`, prepare);
      return run;
    }
    run.server = run.isPostgres ? await postgres.database() : await RunRedis.start();
    try {
      await run.#prepare();
    } catch (error) {
      await run.close();
      throw error;
    }
    return run;
  }

  constructor(name, plan, server) {
    this.name = name;
    this.plan = plan;
    this.server = server;
    /** Version and settings, as its processes say. @type {{ version: string, settings: object } | undefined} */
    this.about = undefined;
  }

  get isPostgres() {
    return contenders[this.name].server === 'postgres';
  }

  /** Starts a process of the contender, which does nothing yet. */
  async start(options = {}) {
    const { url, redis } = this.server;
    const started = await ContenderProcess.start(contenders[this.name], { url, redis, ...this.plan.options, ...options });
    this.#processes.push(started);
    this.about = started.about;
    return started;
  }

  /** Does something in a process that ends right after it. */
  async once(task, args, seconds) {
    const helper = await this.start();
    try {
      return await helper.call(task, args, seconds);
    } finally {
      await helper.end();
    }
  }

  /** Puts jobs into a queue. */
  async fill(queue, jobs, rest = {}) {
    await this.once('fill', { queue, jobs, ...rest }, 1_800);
  }

  meter() {
    const meter = new Meter(this.server);
    this.#meters.push(meter);
    return meter;
  }

  async endProcesses() {
    await Promise.all(this.#processes.map((process) => process.end()));
  }

  async close() {
    for (const meter of this.#meters) meter.stop();
    await this.endProcesses();
    await this.server.drop();
  }

  async #prepare() {
    try {
      await this.once('setup', { queues: this.plan.queues });
      await this.plan.ballast?.fill(this);
    } finally {
      await this.endProcesses();
    }
  }
}
