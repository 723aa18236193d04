import { Backoff } from '../core/backoff.js';

/** Keeps somebody from trying again at once after a failure; longer each time, until a try succeeds. */
export class Pause {
  isOn = false;
  private readonly backoff = new Backoff();

  constructor(private readonly onEnd: () => void) {}

  begin(): void {
    this.isOn = true;
    setTimeout(() => {
      this.isOn = false;
      this.onEnd();
    }, this.backoff.next()).unref();
  }

  succeeded(): void {
    this.backoff.reset();
  }
}
