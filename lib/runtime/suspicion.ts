/**
 * Remembers that the answer to a statement was lost, by which the database may have given jobs to this process.
 * They are to be looked for at once, and again when the server has given up the statement: until then it
 * may be waiting there, and commit later.
 */
export class Suspicion {
  private fresh = false;
  /** When no statement whose answer was lost can be under way any more. */
  private overAt: number | undefined;

  constructor(private readonly statementTimeoutMs: number) {}

  /** Something may still be found. */
  get stands(): boolean {
    return this.fresh || this.overAt !== undefined;
  }

  /** A look is due. */
  get isDue(): boolean {
    return this.fresh || (this.overAt !== undefined && performance.now() > this.overAt);
  }

  raise(): void {
    this.fresh = true;
    this.overAt = performance.now() + this.statementTimeoutMs;
  }

  /** A look that is due begins; what it is due for is dropped, unless it fails. */
  async answer(look: () => Promise<void>): Promise<void> {
    const { overAt } = this;
    if (overAt !== undefined && performance.now() > overAt) this.overAt = undefined;
    this.fresh = false;
    try {
      await look();
    } catch (error) {
      this.fresh = true;
      this.overAt ??= overAt;
      throw error;
    }
  }
}
