import { randomUUID } from 'node:crypto';

let lastMs = 0;
let counter = 0;

/**
 * A UUID of version 7, greater than every one made before in this process: jobs of one instant keep the
 * order in which they were enqueued. The twelve bits after the time count within the millisecond (RFC 9562,
 * section 6.2, method 1), and run ahead of the clock when there are more; the rest is random.
 */
export function newId(): string {
  const now = Date.now();
  counter++;
  if (now > lastMs) {
    lastMs = now;
    counter = 0;
  } else if (counter > 0xfff) {
    lastMs++;
    counter = 0;
  }
  const time = lastMs.toString(16).padStart(12, '0');
  // The last two groups of a random UUID have the variant in place.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${randomUUID().slice(19)}`;
}
