import { now } from '../clock.mjs';
import { deferred } from '../deferred.mjs';

const REPORT_MS = 20;

/** Counts the jobs that run here, and tells about it from time to time. */
export class Tally {
  jobs = 0;
  lastAt = 0;
  /** What to keep of each job: nothing, its latency, or the moment of its start. */
  record = 'nothing';
  #kept = [];
  #cpu;
  #gate;
  #report;
  #reporter;

  /** @param {(jobs: number) => void} report */
  constructor(report) {
    this.#report = report;
  }

  /** From now on jobs wait at their start, until `open`. */
  close() {
    this.#gate = deferred();
  }

  open() {
    this.#cpu = process.cpuUsage();
    this.lastAt = now();
    this.#gate.resolve();
    this.#gate = undefined;
    return { jobs: this.jobs, openedAt: this.lastAt };
  }

  /** @param {{ n: number, at: number }} job */
  count(job) {
    this.lastAt = now();
    if (this.jobs++ === 0) this.#begin();
    if (this.record === 'latency' && job.n >= 0) this.#kept.push(this.lastAt - job.at);
    else if (this.record === 'start') this.#kept.push([job.n, this.lastAt]);
    return this.#gate?.promise;
  }

  summary() {
    return { jobs: this.jobs, lastAt: this.lastAt, kept: this.#kept, cpu: this.#cpu && process.cpuUsage(this.#cpu) };
  }

  stop() {
    clearInterval(this.#reporter);
  }

  #begin() {
    this.#cpu = process.cpuUsage();
    let reported = 0;
    const report = () => {
      if (this.jobs !== reported) this.#report((reported = this.jobs));
    };
    report();
    this.#reporter = setInterval(report, REPORT_MS);
  }
}
