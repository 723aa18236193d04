const times = new Map<string, number[]>();

export function recordTime(what: string, ms: number): void {
  times.set(what, [...(times.get(what) ?? []), ms]);
}

/** Median and worst of what was recorded in this process. */
export function printTimes(): void {
  for (const [what, values] of times) {
    const sorted = values.toSorted((a, b) => a - b);
    const median = sorted[Math.floor((sorted.length - 1) / 2)] as number;
    console.log(`${what}: median ${Math.round(median)} ms, worst ${Math.round(sorted.at(-1) as number)} ms of ${sorted.length}`);
  }
}
