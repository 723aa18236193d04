import type { EntityManager } from 'typeorm';
import type { JobConfig } from '../interfaces/job-config.interface.js';
import type { ConfigStore } from '../interfaces/ports/index.js';
import type { Database, Row } from './database.js';
import { toJobConfig } from './rows.js';
import type { Statement } from './statement.js';
import type { Statements } from './statements/index.js';

/** The config rows, in SQL; every call can run in the caller's transaction. */
export class PgConfigStore implements ConfigStore {
  constructor(
    private readonly database: Database,
    private readonly statements: Statements,
  ) {}

  async read(keys?: readonly string[], manager?: EntityManager): Promise<JobConfig[]> {
    return (await this.run(this.statements.readConfigs, [keys ?? null], manager)).map(toJobConfig);
  }

  async create(key: string, value: string, manager?: EntityManager): Promise<JobConfig | undefined> {
    const [row] = await this.run(this.statements.createConfig, [key, value], manager);
    return row && toJobConfig(row);
  }

  async set(key: string, value: string, manager?: EntityManager): Promise<JobConfig> {
    const [row] = await this.run(this.statements.setConfig, [key, value], manager);
    return toJobConfig(row as Row);
  }

  async update(key: string, value: string, manager?: EntityManager): Promise<JobConfig | undefined> {
    const [row] = await this.run(this.statements.updateConfig, [key, value], manager);
    return row && toJobConfig(row);
  }

  async delete(key: string, manager?: EntityManager): Promise<boolean> {
    const [row] = await this.run(this.statements.deleteConfig, [key], manager);
    return Number(row?.['deleted']) > 0;
  }

  private run(statement: Statement, params: unknown[], manager: EntityManager | undefined): Promise<Row[]> {
    return manager
      ? this.database.runWith(manager, statement, params, 'using the config rows')
      : this.database.run(statement, params, 'using the config rows');
  }
}
