import type { Query } from '../../migrations/apply.js';

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  'Subplan Name'?: string;
  Plans?: PlanNode[];
}

/** What EXPLAIN says of a statement. */
export interface Plan {
  /** Tables of jobs that are read from end to end, be it by an index. */
  readonly scanned: string[];
  /** Indexes in use, of a partition by the name of the partitioned table's. */
  readonly indexes: string[];
  /** Conditions by which an index is entered. */
  conditionsOf(index: string): string[];
  /** Kinds of all nodes. */
  readonly kinds: string[];
  /** Kinds of the nodes in the CTE of this name. */
  kindsIn(cte: string): string[];
}

/** Prepares a statement and explains it with these values: nothing is executed. */
export async function explain(query: Query, text: string, values: readonly unknown[]): Promise<Plan> {
  await query(`PREPARE explained AS ${text}`);
  try {
    return await explainPrepared(query, 'explained', values);
  } finally {
    await query('DEALLOCATE explained');
  }
}

/** The same for a statement that has been prepared, whose plan may have been made long ago. */
export async function explainPrepared(query: Query, name: string, values: readonly unknown[]): Promise<Plan> {
  const [row] = (await query(`EXPLAIN (FORMAT JSON) ${executing(name, values)}`)) as Array<{ 'QUERY PLAN': unknown }>;
  const answer = row?.['QUERY PLAN'];
  const [{ Plan }] = (typeof answer === 'string' ? JSON.parse(answer) : answer) as [{ Plan: PlanNode }];
  return readPlan(Plan);
}

/** The statement that runs one which has been prepared. */
export function executing(name: string, values: readonly unknown[]): string {
  return `EXECUTE ${name} ${values.length > 0 ? `(${values.map(literal).join(', ')})` : ''}`;
}

function readPlan(root: PlanNode): Plan {
  const nodes = flatten(root);
  return {
    scanned: nodes
      .filter((node) => /^(?:Seq|Index|Index Only|Bitmap Index) Scan$/.test(node['Node Type']) && !node['Index Cond'])
      .map((node) => node['Relation Name'] ?? node['Index Name'] ?? '')
      .filter((name) => /^(?:jobs|job_history)/.test(name)),
    indexes: [...new Set(nodes.flatMap((node) => nameOf(node['Index Name']) ?? []))].sort(),
    kinds: nodes.map((node) => node['Node Type']),
    conditionsOf: (index) =>
      nodes.filter((node) => nameOf(node['Index Name']) === index).map((node) => node['Index Cond'] ?? ''),
    kindsIn: (cte) =>
      nodes.filter((node) => node['Subplan Name'] === `CTE ${cte}`).flatMap(flatten).map((node) => node['Node Type']),
  };
}

function flatten(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)];
}

function nameOf(index: string | undefined): string | undefined {
  return index?.replace(/^job_history_\w+_pkey$/, 'job_history_pkey');
}

/** As text of no type, which takes that of the parameter. */
function literal(value: unknown): string {
  return value === null ? 'NULL' : `'${textOf(value).replaceAll("'", "''")}'`;
}

function textOf(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return `{${value.map((item) => (item === null ? 'NULL' : JSON.stringify(String(item)))).join(',')}}`;
}
