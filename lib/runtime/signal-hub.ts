/** Tells watchers of a job that something about it has changed. Signals are hints; watchers read the table. */
export class SignalHub {
  private readonly watchers = new Map<string, Set<() => void>>();

  subscribe(jobId: string, onSignal: () => void): () => void {
    const set = this.watchers.get(jobId) ?? new Set();
    this.watchers.set(jobId, set.add(onSignal));
    return () => {
      set.delete(onSignal);
      if (set.size === 0) this.watchers.delete(jobId);
    };
  }

  signal(jobId: string): void {
    for (const onSignal of this.watchers.get(jobId) ?? []) onSignal();
  }

  /** The listener came back: anything may have been missed. */
  signalAll(): void {
    for (const jobId of this.watchers.keys()) this.signal(jobId);
  }
}
