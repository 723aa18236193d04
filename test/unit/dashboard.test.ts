import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Registry } from 'prom-client';
import { EMPTY } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { prometheusMetrics } from '../../lib/prometheus/index.js';

const text = readFileSync(resolve(import.meta.dirname, '../../grafana/notify-queue.json'), 'utf8');

describe('grafana/notify-queue.json', () => {
  const named = new Set([...text.matchAll(/notify_queue_\w+/g)].map(([name]) => name));
  const register = new Registry();
  prometheusMetrics({ register }).attach!({ name: 'default', events$: EMPTY } as never);
  const registered = register.getMetricsAsArray();
  /** What a metric is called where it is queried: a histogram has three series. */
  const series = registered.flatMap(({ name, type }) => (String(type) === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name]));

  it('names no metric that the registry does not have', () => {
    expect([...named].filter((name) => !series.includes(name))).toEqual([]);
  });

  it('leaves no metric out', () => {
    const shown = registered.filter(({ name, type }) => named.has(String(type) === 'histogram' ? `${name}_bucket` : name));
    expect(shown.map(({ name }) => name).sort()).toEqual(registered.map(({ name }) => name).sort());
  });

  it('asks for no label that a metric does not have, and has no two panels of one id', () => {
    const { panels } = JSON.parse(text) as { panels: Array<{ id: number; targets?: Array<{ expr: string }> }> };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const labelsOf = (metric: string): string[] => {
      const found = registered.find(({ name }) => metric === name || metric.replace(/_bucket$/, '') === name) as unknown as { labelNames: string[] };
      return found.labelNames;
    };
    for (const { expr } of panels.flatMap(({ targets = [] }) => targets)) {
      for (const [, metric = '', selector = ''] of expr.matchAll(/(notify_queue_\w+)\{([^}]*)\}/g)) {
        const asked = [...selector.matchAll(/(\w+)=~/g)].map(([, label]) => label);
        expect(labelsOf(metric), expr).toEqual(expect.arrayContaining(asked));
      }
    }
  });

  it('has metrics named by the rules of Prometheus', () => {
    for (const { name, type } of registered) {
      expect(name).toMatch(/^[a-z_]+$/);
      expect(name.endsWith('_total'), name).toBe(String(type) === 'counter');
    }
  });
});
