import { Global, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';

/** Closes the queue's connections when every other module has had its last hook, in which it may still enqueue. */
@Injectable()
export class ConnectionCloser implements OnApplicationShutdown {
  private readonly closings: Array<() => Promise<void>> = [];

  add(close: () => Promise<void>): void {
    this.closings.push(close);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.closings.map((close) => close()));
  }
}

/** Global only because Nest calls the shutdown hooks of global modules after those of all others. */
@Global()
@Module({ providers: [ConnectionCloser], exports: [ConnectionCloser] })
export class ConnectionCloserModule {}
