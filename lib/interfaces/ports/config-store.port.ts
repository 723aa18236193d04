import type { EntityManager } from 'typeorm';
import type { JobConfig } from '../job-config.interface.js';

/** The config rows. */
export interface ConfigStore {
  /** All rows, or those with these keys. */
  read(keys?: readonly string[], manager?: EntityManager): Promise<JobConfig[]>;
  /** Undefined when the key exists. */
  create(key: string, value: string, manager?: EntityManager): Promise<JobConfig | undefined>;
  set(key: string, value: string, manager?: EntityManager): Promise<JobConfig>;
  /** Undefined when there is no such key. */
  update(key: string, value: string, manager?: EntityManager): Promise<JobConfig | undefined>;
  /** False when there is no such key. */
  delete(key: string, manager?: EntityManager): Promise<boolean>;
}
