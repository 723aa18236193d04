/** Reads from what users hand over, which may be anything, a proxy that throws included: undefined where it cannot be read. */
export function peek(value: unknown, key: PropertyKey): unknown {
  try {
    return (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  } catch {
    return undefined;
  }
}

/** The own properties of an object, each read once; undefined for whatever is none, null for one that cannot be read. */
export function snapshot(value: unknown): Record<string, unknown> | undefined | null {
  try {
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return null;
  }
}

/** False for an array that cannot be read. */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value) && value.length >= 0;
  } catch {
    return false;
  }
}

/** False for an object that cannot be read. */
export function isFrozen(value: unknown): boolean {
  try {
    return typeof value === 'object' && value !== null && Object.isFrozen(value);
  } catch {
    return false;
  }
}
