import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnavailableError } from '../errors/database.errors.js';
import { JobCancelledError } from '../errors/job.errors.js';
import type { Holding, Log, Patrolled, RescuedJob, RescuePolicy, SweepStore } from '../interfaces/ports/index.js';
import type { JobEvents } from './job-events.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { QueueRunner } from './queue-runner.js';
import type { Suspicion } from './suspicion.js';
import type { TroubleLog } from './trouble-log.js';

/** So much of the live jobs is looked through at each sweep: 8 MB, some 17,000 small jobs. */
const PART_PAGES = 1_024;
/** So much in one statement when all of them are looked through. */
const LARGE_PART_PAGES = 16_384;
const RESCUE_BATCH = 1_000;
const SECOND_LOOK_MS = 200;
/** A job that is not known here may be in an answer that is under way: look again after so long. */
const ANSWER_MS = 20;

/**
 * Looks after reserved jobs that nobody may be tending: those of dead processes are rescued, those that
 * this process holds without knowing of them (the answer to its reserve was lost) are put back, and
 * those whose cancellation was requested are aborted. Each sweep looks through a part of the live
 * jobs; when a process has died or an answer was lost, through all of them.
 */
export class Patrol {
  private page = 0;
  /** There were blocked jobs at the last look. */
  sawBlocked = false;
  /** A stray was there that could not be rescued. */
  private missed = false;
  private looksAgain = 0;
  /** Dead processes for which all live jobs have been looked through. */
  private searchedFor: readonly string[] = [];
  /** Rows that cannot be rescued, left alone from then on. */
  private readonly setAside = new Set<string>();
  private signalled = new Set<string>();
  /** Jobs that were signalled at these times and were not known here. */
  private readonly awaited = new Map<string, number>();

  constructor(
    private readonly store: SweepStore,
    private readonly runners: ReadonlyMap<string, QueueRunner>,
    private readonly lease: LeaseKeeper,
    private readonly policy: RescuePolicy,
    private readonly suspicion: Suspicion,
    private readonly events: JobEvents,
    private readonly trouble: TroubleLog,
    private readonly log: Log,
  ) {}

  /** Nothing is held here that nobody here knows of, as far as anybody can tell. */
  get isCertain(): boolean {
    return !this.suspicion.stands && this.looksAgain === 0;
  }

  /** The database may have given jobs to this process that it never heard of. */
  suspect(): void {
    this.suspicion.raise();
  }

  async look(): Promise<void> {
    if (this.suspicion.isDue) await this.suspicion.answer(() => this.lookThroughAsNeeded(true));
    else await this.lookThroughAsNeeded(false);
    await this.abortCancelled([...this.runners.values()].flatMap((runner) => runner.runs.ids));
  }

  /** The next part of the live jobs, or all of them. */
  private async lookThroughAsNeeded(lost: boolean): Promise<void> {
    const fromPage = this.page;
    this.missed = false;
    let { dead } = await this.lookThrough(PART_PAGES);
    const wasAll = fromPage === 0 && this.page === 0;
    if (!wasAll && (lost || dead.some((id) => !this.searchedFor.includes(id)))) {
      this.page = 0;
      do ({ dead } = await this.lookThrough(LARGE_PART_PAGES, dead));
      while (this.page > 0);
    }
    // What was locked just then is looked for again at the next look.
    this.searchedFor = this.missed ? dead.filter((id) => this.searchedFor.includes(id)) : dead;
  }

  /** Something about a job has changed. What comes together shares one look. */
  signal(id: string): void {
    if (!this.holds(id)) return this.lookLater(id, performance.now());
    if (this.signalled.add(id).size > 1) return;
    setImmediate(() => {
      const ids = [...this.signalled];
      this.signalled = new Set();
      this.abortCancelled(ids).catch((error: unknown) => this.trouble.report('Held jobs could not be read', error));
    });
  }

  /** A notification alone aborts nothing: what is to become of a running job stands in its row. */
  private async abortCancelled(ids: readonly string[]): Promise<void> {
    if (ids.length === 0 || !this.lease.trusted) return;
    for (const { id, queue, cancelRequested } of await this.store.holdings(this.lease.instanceId, ids)) {
      if (cancelRequested) this.runners.get(queue)?.cancel(id, new JobCancelledError(`Job ${id} was cancelled`));
    }
  }

  /** Looks again for as long as a reserve that was under way at that time has no answer. */
  private lookLater(id: string, at: number): void {
    if (![...this.runners.values()].some((runner) => runner.awaitsAnswerFrom(at))) return;
    if (this.awaited.set(id, at).size > 1) return;
    setTimeout(() => {
      const awaited = [...this.awaited];
      this.awaited.clear();
      for (const [each, since] of awaited) {
        if (this.holds(each)) this.signal(each);
        else this.lookLater(each, since);
      }
    }, ANSWER_MS).unref();
  }

  private holds(id: string): boolean {
    return [...this.runners.values()].some((runner) => runner.holds(id));
  }

  /** The next part. Those who died since the first part were not looked for in it. */
  private async lookThrough(pages: number, died?: readonly string[]): Promise<Pick<Patrolled, 'dead'>> {
    const { instanceId, trusted } = this.lease;
    const found = await this.store.patrol(instanceId, this.page, pages, this.searchedFor);
    this.page = found.nextPage;
    this.sawBlocked = found.blocked;
    const strays = found.strays.filter((id) => !this.setAside.has(id));
    let rescued = 0;
    for (let i = 0; i < strays.length; i += RESCUE_BATCH) rescued += await this.rescue(strays.slice(i, i + RESCUE_BATCH));
    if (rescued < strays.length) this.missed = true;
    const unknown = found.mine.filter(({ id, queue }) => this.runners.get(queue)?.holds(id) === false);
    if (unknown.length > 0 && trusted) void this.lookAgain(instanceId, unknown, performance.now());
    return { dead: died ? found.dead.filter((id) => died.includes(id)) : found.dead };
  }

  /**
   * Puts back what was unknown here at that time and still is. A job that was ending just then is gone
   * by now, and one whose reserve was still under way is known when its answer has come.
   */
  private async lookAgain(instanceId: string, unknown: ReadonlyArray<Omit<Holding, 'cancelRequested'>>, at: number): Promise<void> {
    this.looksAgain++;
    await sleep(SECOND_LOOK_MS, undefined, { ref: false });
    try {
      const held = await this.store.holdings(instanceId, unknown.map(({ id }) => id));
      if (this.lease.instanceId !== instanceId || !this.lease.trusted) return;
      const still = new Map(held.map(({ id, reservation }) => [id, reservation]));
      const later = unknown.filter(({ id, queue, reservation }) => {
        const runner = this.runners.get(queue);
        if (!runner || runner.holds(id) || still.get(id) !== reservation) return false;
        if (runner.awaitsAnswerFrom(at)) return true;
        runner.putBack([{ id, reservation }]);
        return false;
      });
      if (later.length > 0) void this.lookAgain(instanceId, later, at);
    } catch (error) {
      this.suspicion.raise();
      this.trouble.report('Held jobs could not be read', error);
    } finally {
      this.looksAgain--;
    }
  }

  /** Resolves to how many are rescued or set aside. */
  private async rescue(ids: readonly string[]): Promise<number> {
    try {
      const jobs = await this.store.rescue(this.policy, ids);
      this.reportRescued(jobs);
      return jobs.length;
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) throw error;
      if (ids.length > 1) {
        // One row must not keep the jobs of all other dead processes from running.
        let rescued = 0;
        for (const id of ids) rescued += await this.rescue([id]);
        return rescued;
      }
      const [jobId] = ids as [string];
      this.setAside.add(jobId);
      const text = `Job ${jobId} of a dead process cannot be taken back and is set aside; mend its row by hand`;
      this.log.error(text, { jobId, error: String(error) });
      return 1;
    }
  }

  private reportRescued(jobs: readonly RescuedJob[]): void {
    this.events.rescued(jobs);
    const again = new Map<string, number>();
    for (const { id: jobId, queue, name, state } of jobs) {
      if (state === 'available') again.set(queue, (again.get(queue) ?? 0) + 1);
      else {
        const text = `Job ${name} was held by a process that died or lost its lease, and is ${state}`;
        this.log[state === 'abandoned' ? 'error' : 'warn'](text, { jobId, job: name, queue, state });
      }
    }
    for (const [queue, count] of again) {
      this.log.warn(`${count} job(s) of queue '${queue}' were held by a process that died or lost its lease, and run again`, { queue, count });
      this.runners.get(queue)?.wake();
    }
  }
}
