/**
 * Whether one JSON value contains another, as PostgreSQL's `@>` sees it: an object has at least these keys, an array at
 * least these elements in any order, and an array contains a lone scalar too.
 *
 * @see https://www.postgresql.org/docs/current/datatype-json.html#JSON-CONTAINMENT
 */
export function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(whole) && !isContainer(part)) return whole.includes(part);
  return containsIn(whole, part);
}

function containsIn(whole: unknown, part: unknown): boolean {
  if (!isContainer(part) || !isContainer(whole)) return whole === part;
  if (Array.isArray(whole) || Array.isArray(part)) {
    return Array.isArray(whole) && Array.isArray(part) && part.every((one) => whole.some((other) => containsIn(other, one)));
  }
  return Object.entries(part).every(([key, value]) => Object.hasOwn(whole, key) && containsIn(whole[key], value));
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
