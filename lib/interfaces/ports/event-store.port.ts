/** Tells every process of this installation, best effort. */
export interface EventStore {
  /** Each payload has at most 7,999 bytes. */
  publish(payloads: readonly string[]): Promise<void>;
}
