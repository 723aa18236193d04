import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const docs = resolve(import.meta.dirname, '../../docs');
const text = readFileSync(resolve(docs, 'parity.md'), 'utf8');

describe('docs/parity.md', () => {
  it('names in each row a test that exists', () => {
    const rows = text.split('\n').filter((line) => line.startsWith('| ') && !/^\|[-|]+$/.test(line));
    let titles = 0;
    for (const row of rows) {
      const links = [...row.matchAll(/\]\((\.\.\/test\/[^)]+)\): ((?:"[^"]+"(?:, )?)+)/g)];
      const isHeading = row.includes('| here |');
      expect(links.length > 0 || isHeading, row).toBe(true);
      for (const [, path = '', quoted = ''] of links) {
        const source = readFileSync(resolve(docs, path), 'utf8').replaceAll("\\'", "'");
        for (const [, title = ''] of quoted.matchAll(/"([^"]+)"/g)) {
          expect(source.includes(`'${title}'`) || source.includes(`"${title}"`), `${path}: ${title}`).toBe(true);
          titles++;
        }
      }
    }
    expect(titles).toBeGreaterThan(80);
  });
});
