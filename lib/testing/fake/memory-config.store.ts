import type { EntityManager } from 'typeorm';
import type { JobConfig } from '../../interfaces/job-config.interface.js';
import type { ConfigStore } from '../../interfaces/ports/index.js';
import type { TestClock } from './clock.js';
import type { MemoryTransactions } from './memory-state.js';

/** The config rows, in memory. */
export class MemoryConfigStore implements ConfigStore {
  private revision = 0;

  constructor(
    private readonly transactions: MemoryTransactions,
    private readonly clock: TestClock,
    /** Told when a row may have changed: at the write, and at the commit of one in a transaction. */
    private readonly onChange: () => void,
  ) {}

  async read(keys?: readonly string[], manager?: EntityManager): Promise<JobConfig[]> {
    const rows = this.transactions.run(manager, ({ configs }) => [...configs.values()]);
    return rows.filter(({ key }) => !keys || keys.includes(key)).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async create(key: string, value: string, manager?: EntityManager): Promise<JobConfig | undefined> {
    return this.write(key, value, manager, (known) => !known);
  }

  async set(key: string, value: string, manager?: EntityManager): Promise<JobConfig> {
    return this.write(key, value, manager, () => true)!;
  }

  async update(key: string, value: string, manager?: EntityManager): Promise<JobConfig | undefined> {
    return this.write(key, value, manager, (known) => known !== undefined);
  }

  async delete(key: string, manager?: EntityManager): Promise<boolean> {
    return this.transactions.run(manager, ({ configs }) => {
      queueMicrotask(this.onChange);
      return configs.delete(key);
    });
  }

  private write(key: string, value: string, manager: EntityManager | undefined, allows: (known?: JobConfig) => boolean): JobConfig | undefined {
    const updatedAt = new Date(this.clock.now());
    return this.transactions.run(manager, ({ configs }) => {
      const known = configs.get(key);
      if (!allows(known)) return undefined;
      const row = Object.freeze({ key, value, revision: ++this.revision, createdAt: known?.createdAt ?? updatedAt, updatedAt });
      configs.set(key, row);
      queueMicrotask(this.onChange);
      return row;
    });
  }
}
