import type { ModulesContainer } from '@nestjs/core';
import { DuplicateModuleError } from './errors/configuration.errors.js';
import { MODULE_NAME } from './notify-queue.constants.js';
import { twoModules } from './notify-queue.messages.js';

type NestModule = ModulesContainer extends Map<string, infer Module> ? Module : never;

/** Every `forRoot` of the application, those of other copies of this package included. */
export function queueModules(modules: ModulesContainer): NestModule[] {
  return [...modules.values()].filter(({ providers }) => providers.has(MODULE_NAME));
}

/** The names of every `forRoot`. @throws DuplicateModuleError */
export function namesOf(modules: ModulesContainer): string[] {
  const names = queueModules(modules).map(({ providers }) => providers.get(MODULE_NAME)?.instance as string);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new DuplicateModuleError(twoModules(twice));
  return names;
}
