import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
  ROUTE_ARGS_METADATA,
} from '@nestjs/common/internal';

/** Where parameter decorators leave their marks. */
export const PARAMS_METADATA = ROUTE_ARGS_METADATA;

const ENHANCERS = [GUARDS_METADATA, INTERCEPTORS_METADATA, PIPES_METADATA, EXCEPTION_FILTERS_METADATA];

/** Whether a method or its class has guards, interceptors, pipes or filters of its own. */
export function hasEnhancers(prototype: object, method: string): boolean {
  const targets = [prototype.constructor, (prototype as Record<string, object>)[method] as object];
  return targets.some((target) => ENHANCERS.some((key) => Reflect.hasMetadata(key, target)));
}

/** Whether the method, not its class, has pipes. */
export function hasPipes(prototype: object, method: string): boolean {
  return Reflect.hasMetadata(PIPES_METADATA, (prototype as Record<string, object>)[method] as object);
}

/** What the decorators of parameters have left. */
export function paramMarks(prototype: object, method: string): Array<{ readonly index: number }> {
  return Object.values(Reflect.getMetadata(PARAMS_METADATA, prototype.constructor, method) ?? {});
}

/** Indexes of the parameters that have decorators. */
export function decoratedParams(prototype: object, method: string): number[] {
  return paramMarks(prototype, method).map(({ index }) => index);
}
