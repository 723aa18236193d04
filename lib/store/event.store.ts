import type { EventStore } from '../interfaces/ports/index.js';
import type { Database } from './database.js';
import type { Statements } from './statements/index.js';

/** Job events for other processes, which no table keeps. */
export class PgEventStore implements EventStore {
  constructor(
    private readonly database: Database,
    private readonly statements: Statements,
  ) {}

  async publish(payloads: readonly string[]): Promise<void> {
    await this.database.run(this.statements.publishEvents, [payloads], 'telling of job events');
  }
}
