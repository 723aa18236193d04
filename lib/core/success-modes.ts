import { InvalidOptionError } from '../errors/configuration.errors.js';
import type { SuccessModeSpec } from '../interfaces/success-mode.interface.js';
import { isName } from './names.js';
import { isFrozen, peek } from './peek.js';

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
  const spec = typeof value === 'function' ? toCustomMode(value) : isFrozen(value) && remake(value);
  if (!spec) throw new InvalidOptionError(option, value, 'LogSuccess(), IgnoreSuccess() or a class with a handleSuccess method');
  return spec;
}

/** A class is found again by its name, which is stored with a job. */
function toCustomMode(value: unknown): SuccessModeSpec | undefined {
  const isMode = typeof peek(peek(value, 'prototype'), 'handleSuccess') === 'function';
  return isMode ? customMode(peek(value, 'name')) : undefined;
}

function remake(value: unknown): SuccessModeSpec | undefined {
  switch (peek(value, 'mode') as SuccessModeSpec['mode']) {
    case 'none':
      return IgnoreSuccess();
    case 'log':
      return LogSuccess();
    case 'custom':
      return customMode(peek(value, 'className'));
  }
}

function customMode(className: unknown): SuccessModeSpec | undefined {
  return isName(className) ? Object.freeze({ mode: 'custom', className }) : undefined;
}
