import type { BulkAction, BulkChanged, BulkPicked, BulkPlace, BulkSelection, BulkStore } from '../interfaces/ports/index.js';
import { criteriaParams } from './criteria.js';
import type { Database, Row } from './database.js';
import { text } from './rows.js';
import type { Statement } from './statement.js';
import type { Statements } from './statements/index.js';

const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Work on many jobs, in SQL. */
export class PgBulkStore implements BulkStore {
  constructor(
    private readonly database: Database,
    private readonly statements: Statements,
  ) {}

  async pick(kind: BulkAction['kind'], selection: BulkSelection, { after, until }: BulkPlace, limit: number): Promise<BulkPicked> {
    const statement = kind === 'retry' ? this.statements.pickFinishedJobs : this.statements.pickLiveJobs;
    const params = [...criteriaParams(selection), after ?? FIRST_ID, limit, until ?? null];
    const [row] = await this.database.run(statement, params, 'choosing jobs');
    const ids = list(row?.['ids']);
    const last = ids.length === limit ? ids.at(-1) : row?.['upto'];
    return { ids, next: last ? { after: text(last), until: text(row?.['began']) } : undefined };
  }

  async change(action: BulkAction, selection: BulkSelection, ids: readonly string[]): Promise<BulkChanged> {
    const { statement, params } = this.statementOf(action);
    const doing = `changing ${ids.length} jobs (${action.kind})`;
    const [row] = await this.database.run(statement, [...criteriaParams(selection), ids, ...params], doing);
    return { changed: Number(row?.['changed']), aborting: Number(row?.['aborting']), missed: list(row?.['missed']) };
  }

  private statementOf(action: BulkAction): { readonly statement: Statement; readonly params: readonly unknown[] } {
    const { cancelJobs, holdJobs, releaseJobs, retryJobs, updateJobs, moveJobs } = this.statements;
    switch (action.kind) {
      case 'cancel':
        return { statement: cancelJobs, params: [[...action.keepMs.keys()], [...action.keepMs.values()], action.defaultKeepMs] };
      case 'hold':
        return { statement: holdJobs, params: [] };
      case 'release':
        return { statement: releaseJobs, params: [] };
      case 'retry':
        return { statement: retryJobs, params: [] };
      case 'update': {
        const { priority, delayMs, runAtMs } = action.changes;
        return { statement: updateJobs, params: [priority ?? null, delayMs ?? null, runAtMs ?? null] };
      }
      case 'move':
        return { statement: moveJobs, params: [action.queue] };
    }
  }
}

function list(json: Row[string] | undefined): string[] {
  return json ? (JSON.parse(text(json)) as string[]) : [];
}
