import type { TestDatabase } from '../../support/database.js';
import type { Change, ConfigRow, InstanceRow, JobRow } from './history.js';

/** Copies every committed change of the queue's rows into a log. */
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
CREATE FUNCTION fault.record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO fault.log (kind, before, after) VALUES (TG_ARGV[0],
    CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
  RETURN NULL;
END $$;
CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON notify_queue.jobs
  FOR EACH ROW EXECUTE FUNCTION fault.record('live');
CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON notify_queue.job_history
  FOR EACH ROW EXECUTE FUNCTION fault.record('finished');
CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON notify_queue.job_instances
  FOR EACH ROW EXECUTE FUNCTION fault.record('instances');
CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON notify_queue.job_configs
  FOR EACH ROW EXECUTE FUNCTION fault.record('configs');
`;

const epochMs = (of: string): string => `(extract(epoch FROM ${of}) * 1000)::float8`;
const withExpiry = (row: string): string =>
  `${row} || jsonb_build_object('expires_ms', ${epochMs(`(${row} ->> 'expires_at')::timestamptz`)})`;

export interface Recorded {
  readonly live: Change[];
  readonly finished: Change[];
  readonly instances: Array<Change<InstanceRow>>;
  readonly configs: Array<Change<ConfigRow>>;
}

export async function startRecording(database: Pick<TestDatabase, 'query'>): Promise<void> {
  await database.query(LOG);
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
