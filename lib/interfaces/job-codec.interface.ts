/** Which value of which job. */
export interface CodecSubject {
  readonly kind: 'payload' | 'result' | 'progress';
  readonly queue: string;
  readonly name: string;
  readonly id: string;
}

/**
 * Changes how payloads, results and progress are stored, such as `encryption`. It is called for every job, so it must be
 * quick, and it must read what was stored without it.
 */
export interface JobCodec {
  /** JSON text to JSON text. */
  encode(json: string, subject: CodecSubject): string;
  /**
   * The value that was stored, parsed, to the one that was encoded.
   *
   * @throws UnreadableValueError
   */
  decode(stored: unknown, subject: CodecSubject): unknown;
}
