import { InvalidOptionError } from '../errors/configuration.errors.js';
import type { SuccessModeSpec } from '../interfaces/success-mode.interface.js';

const MODES: Array<string | undefined> = ['none', 'log', 'custom'] satisfies Array<SuccessModeSpec['mode']>;

/** Log queue time and run time of each completed job. */
export function LogSuccess(): SuccessModeSpec {
  return Object.freeze({ mode: 'log' });
}

/** Do nothing after a completed job. */
export function IgnoreSuccess(): SuccessModeSpec {
  return Object.freeze({ mode: 'none' });
}

/** @throws InvalidOptionError */
export function toSuccessModeSpec(option: string, value: unknown): SuccessModeSpec {
  if (typeof value === 'function') {
    const prototype = value.prototype as { handleSuccess?: unknown } | undefined;
    if (typeof prototype?.handleSuccess === 'function' && value.name !== '') {
      return Object.freeze({ mode: 'custom', className: value.name });
    }
  } else if (typeof value === 'object' && value !== null && Object.isFrozen(value)) {
    if (MODES.includes((value as Partial<SuccessModeSpec>).mode)) return value as SuccessModeSpec;
  }
  throw new InvalidOptionError(option, value, 'LogSuccess(), IgnoreSuccess() or a class with a handleSuccess method');
}
