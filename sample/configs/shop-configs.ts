// The shop's switches, as rows of the queue's config table: changing one reaches every running
// instance within milliseconds, without a restart.
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { JobConfigs, toBoolean } from 'nestjs-notify-queue';
import type { Observable } from 'rxjs';
import { Settings } from '../settings.js';
import { parseRate } from './parse-rate.js';

export const AUTO_INVOICING = 'invoicing.auto';
export const MAIL_FAULT_RATE = 'mail.fault_rate';

/** How the value of a key is read, if we know; it throws on a value that it can't read. */
export function parserOf(key: string): ((text: string) => unknown) | undefined {
  if (key === MAIL_FAULT_RATE) {
    return parseRate;
  }
  // `suspended` and `<queue>_suspended` are the queue's own switches.
  return key === AUTO_INVOICING || /(^|_)suspended$/.test(key) ? toBoolean : undefined;
}

@Injectable()
export class ShopConfigs implements OnModuleDestroy {
  /** Are invoices enqueued by themselves? Emits the current answer, then each new one. */
  readonly autoInvoicing$: Observable<boolean>;
  readonly mailFaultRate$: Observable<number>;

  /** The latest value of each, for code that just needs to know. */
  autoInvoicing = true;
  mailFaultRate = 0;

  private readonly logger = new Logger(ShopConfigs.name);
  private readonly subscriptions;

  constructor(configs: JobConfigs, settings: Settings) {
    this.mailFaultRate = settings.mailFaultRate;
    this.autoInvoicing$ = configs.watch(AUTO_INVOICING, { parse: toBoolean, default: true });
    this.mailFaultRate$ = configs.watch(MAIL_FAULT_RATE, {
      parse: parseRate,
      default: settings.mailFaultRate,
    });
    this.subscriptions = [
      this.autoInvoicing$.subscribe((on) => this.switchInvoicing(on)),
      this.mailFaultRate$.subscribe((rate) => (this.mailFaultRate = rate)),
    ];
  }

  onModuleDestroy(): void {
    this.subscriptions.forEach((subscription) => subscription.unsubscribe());
  }

  private switchInvoicing(on: boolean): void {
    if (on !== this.autoInvoicing) {
      this.autoInvoicing = on;
      this.logger.log(`Automatic invoicing is now ${on ? 'on' : 'off'}`);
    }
  }
}
