import { describe, expect, it } from 'vitest';
import { isName } from '../../../lib/core/names.js';
import { assertSchemaName, channelsOf, quoteIdentifier, quoteLiteral } from '../../../lib/core/schema-name.js';

describe('names', () => {
  it.each(['mail', 'a b', 'é', '"; DROP TABLE', '😀', 'x'.repeat(200)])('takes %s', (name) => expect(isName(name)).toBe(true));
  it.each(['', ' ', 'a\u0000', 'a\nb', '\ud800', 'x'.repeat(201), 'é'.repeat(101), 5, null, undefined, {}])('refuses %j', (name) =>
    expect(isName(name)).toBe(false),
  );
});

describe('schema names', () => {
  it.each(['notify_queue', 'select', 'Mixed Case', 'with "quotes"', "it's", 'back\\slash', 'x'.repeat(63), 'schéma'])('takes %s', (name) =>
    expect(() => assertSchemaName(name)).not.toThrow(),
  );
  it.each(['', 'x'.repeat(64), 'é'.repeat(32), 'pg_mine', 'a\u0000', 'a\n', 5, null])('refuses %j', (name) =>
    expect(() => assertSchemaName(name)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option: 'schema' })),
  );

  it('quotes', () => {
    expect(quoteIdentifier('a"b')).toBe('"a""b"');
    expect(quoteLiteral(`a'b\\c`)).toBe(`E'a''b\\\\c'`);
  });

  it('gives channels that fit into 63 bytes and differ by schema', () => {
    const long = channelsOf(`${'x'.repeat(62)}a`);
    const other = channelsOf(`${'x'.repeat(62)}b`);
    for (const name of Object.values(long)) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(long.jobs).not.toBe(other.jobs);
    expect(channelsOf('notify_queue')).toEqual({ jobs: 'notify_queue.jobs', configs: 'notify_queue.configs', signals: 'notify_queue.signals', events: 'notify_queue.events' });
  });
});
