/**
 * SQLSTATEs by which PostgreSQL says that it cannot work for the moment, whatever the statement holds: its disk,
 * memory or connections are used up (class 53), or it is read-only as a standby is.
 */
const REFUSALS = /^(?:53[0-9A-Z]{3}|25006)$/;

/** The SQLSTATE of such an error, which tells that nothing was changed; undefined for any other. */
export function refusalOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && REFUSALS.test(code) ? code : undefined;
}
