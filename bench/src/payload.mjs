const ORDER = '0197f2c4-6a1e-7cc1-9d54-2f6f2f5e6f0a';

/**
 * A payload of about 110 bytes of JSON.
 *
 * @param {number} n counts up
 * @param {number} at the moment of the call, where that matters
 */
export function payload(n, at = 0) {
  return { n, at, order: ORDER, customer: 'jane.doe@example.com', pages: 2 };
}

/** @param {number} count */
export function payloads(count, from = 0) {
  return Array.from({ length: count }, (_, index) => payload(from + index));
}
