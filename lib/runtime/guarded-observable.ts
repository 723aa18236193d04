import { Observable, type Observer, type Operator, type Subscription } from 'rxjs';

type Subscriber<T> = Partial<Observer<T>> | ((value: T) => void) | null | undefined;

/**
 * An observable whose subscribers hurt nobody: what a subscriber throws, or what fails in a pipe
 * without an error handler, is reported. RxJS would raise it as an uncaught exception, which ends
 * the process by default.
 */
export class GuardedObservable<T> extends Observable<T> {
  constructor(
    source: Observable<T>,
    private readonly report: (error: unknown) => void,
  ) {
    super();
    this.source = source;
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new GuardedObservable<R>(this as unknown as Observable<R>, this.report);
    lifted.operator = operator as unknown as Operator<unknown, R>;
    return lifted;
  }

  override subscribe(
    observerOrNext?: Subscriber<T>,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    // RxJS subscribes its own operators with full subscribers, which must stay what they are.
    if (isRxSubscriber(observerOrNext)) return super.subscribe(observerOrNext as Partial<Observer<T>>);
    const observer =
      typeof observerOrNext === 'function' || !observerOrNext
        ? { next: observerOrNext ?? undefined, error: error ?? undefined, complete: complete ?? undefined }
        : observerOrNext;
    return super.subscribe({
      next: (value) => this.guard(() => observer.next?.(value)),
      error: (cause: unknown) => (observer.error ? this.guard(() => observer.error?.(cause)) : this.report(cause)),
      complete: () => this.guard(() => observer.complete?.()),
    });
  }

  private guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.report(error);
    }
  }
}

function isRxSubscriber(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'destination' in value && 'isStopped' in value;
}
