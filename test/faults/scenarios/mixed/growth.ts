import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { World } from '../../world.js';

/** What must not grow with time. */
interface Sizes {
  /** Resident memory of a worker that lives on. */
  readonly rssMb: number;
  /** Its open files, sockets and pipes. */
  readonly handles: number;
  /** Pages of the table of live jobs, with its indexes and dead rows. */
  readonly tableMb: number;
}

/** How much each may grow over a run. */
const MAY_GROW: Sizes = { rssMb: 60, handles: 10, tableMb: 20 };
/** Until here caches fill, and code is compiled. */
const WARM_AFTER = 30;

/** Watches over a run that nothing grows. It needs /proc; elsewhere it says so. */
export class Growth {
  private first: Sizes | undefined;
  private last: Sizes | undefined;

  constructor(
    private readonly world: World,
    private readonly pid: number,
  ) {
    if (!existsSync('/proc/self/statm')) console.log('The growth of processes is not measured: there is no /proc');
  }

  async look(done: number): Promise<void> {
    if (done < WARM_AFTER || done % 10 !== 0 || !existsSync('/proc/self/statm')) return;
    const statm = await readFile(`/proc/${this.pid}/statm`, 'utf8');
    const [row] = await this.world.query(`SELECT pg_total_relation_size('notify_queue.jobs') / 1024.0 / 1024 AS mb`);
    this.last = {
      rssMb: (Number(statm.split(' ')[1]) * 4_096) / 1024 / 1024,
      handles: (await readdir(`/proc/${this.pid}/fd`)).length,
      tableMb: Number(row.mb),
    };
    this.first ??= this.last;
  }

  /** @throws Error when something has grown */
  conclude(): void {
    const { first, last } = this;
    if (!first || !last) return;
    const facts = (Object.keys(MAY_GROW) as Array<keyof Sizes>).map((it) => ({ it, from: first[it], to: last[it] }));
    console.log(facts.map(({ it, from, to }) => `${it} ${from.toFixed(1)} -> ${to.toFixed(1)}`).join(', '));
    const grown = facts.filter(({ it, from, to }) => to - from > MAY_GROW[it]);
    if (grown.length > 0) throw new Error(`Grown: ${grown.map(({ it }) => it).join(', ')}`);
  }
}
