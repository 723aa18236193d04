import { quoteIdentifier } from '../../../lib/core/schema-name.js';
import type { TestDatabase } from '../../support/database.js';
import type { Change, ConfigRow, InstanceRow, JobRow } from './history.js';

/** Copies every committed change of the queue's rows into a log, whoever makes it and whatever rights they have. */
const LOG = `
CREATE SCHEMA fault;
CREATE TABLE fault.log (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
  kind text NOT NULL,
  before jsonb,
  after jsonb
);
CREATE FUNCTION fault.record() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO fault.log (kind, before, after) VALUES (TG_ARGV[0],
    CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
  RETURN NULL;
END $$;
`;

const TRIGGERS = { jobs: 'live', job_history: 'finished', job_instances: 'instances', job_configs: 'configs' } as const;

const epochMs = (of: string): string => `(extract(epoch FROM ${of}) * 1000)::float8`;
const withExpiry = (row: string): string =>
  `${row} || jsonb_build_object('expires_ms', ${epochMs(`(${row} ->> 'expires_at')::timestamptz`)})`;

export interface Recorded {
  readonly live: Change[];
  readonly finished: Change[];
  readonly instances: Array<Change<InstanceRow>>;
  readonly configs: Array<Change<ConfigRow>>;
}

export async function startRecording(database: Pick<TestDatabase, 'query'>, schemas: readonly string[]): Promise<void> {
  await database.query(LOG);
  for (const schema of schemas) {
    for (const [table, kind] of Object.entries(TRIGGERS)) {
      await database.query(`CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON ${quoteIdentifier(schema)}.${table}
        FOR EACH ROW EXECUTE FUNCTION fault.record('${kind}')`);
    }
  }
}

export async function readRecording(database: Pick<TestDatabase, 'query'>): Promise<Recorded> {
  const rows = await database.query<Change<JobRow> & { kind: keyof Recorded }>(
    `SELECT seq::int, ${epochMs('at')} AS at, transaction::text, kind,
       CASE kind WHEN 'instances' THEN ${withExpiry('before')} ELSE before END AS before,
       CASE kind WHEN 'instances' THEN ${withExpiry('after')} ELSE after END AS after
     FROM fault.log ORDER BY seq`,
  );
  const of = <Row = JobRow>(kind: keyof Recorded) => rows.filter((row) => row.kind === kind) as unknown as Array<Change<Row>>;
  return { live: of('live'), finished: of('finished'), instances: of<InstanceRow>('instances'), configs: of<ConfigRow>('configs') };
}
