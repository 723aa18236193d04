/** SQLSTATE classes of errors that lie in the values sent: bad data, violated constraints, limits passed. */
const DATA_STATES = /^(?:22|23|54)[0-9A-Z]{3}$/;

/** Whether PostgreSQL refused a statement for the values in it, so that sending it again is of no use. */
export function isDataError(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && DATA_STATES.test(code);
}
