import { ExternalContextCreator, type ApplicationConfig, type NestContainer } from '@nestjs/core';

/** Which enhancers that the application registered for everything apply to jobs as well. */
export interface GlobalEnhancers {
  readonly guards: boolean;
  readonly interceptors: boolean;
  readonly filters: boolean;
}

/** Nest's maker of contexts, and whether something global applies to every handler. */
export interface JobContexts {
  readonly creator: ExternalContextCreator;
  hasGlobals(): boolean;
}

const none = (): [] => [];

/**
 * A maker of contexts that sees only those global enhancers that jobs are meant to have. Nest offers a choice for
 * global and own enhancers together only; so it is given a view of its configuration in which some are missing.
 */
export function jobContexts(nests: ExternalContextCreator, wanted: GlobalEnhancers): JobContexts {
  const { container } = nests as unknown as { container: NestContainer };
  const config = Object.create(container.applicationConfig ?? null, {
    ...(!wanted.guards && { getGlobalGuards: { value: none }, getGlobalRequestGuards: { value: none } }),
    ...(!wanted.interceptors && { getGlobalInterceptors: { value: none }, getGlobalRequestInterceptors: { value: none } }),
    ...(!wanted.filters && { getGlobalFilters: { value: none }, getGlobalRequestFilters: { value: none } }),
  }) as ApplicationConfig;
  const view = Object.create(container, { applicationConfig: { value: config } }) as NestContainer;
  const all = [
    () => config.getGlobalGuards(),
    () => config.getGlobalRequestGuards(),
    () => config.getGlobalInterceptors(),
    () => config.getGlobalRequestInterceptors(),
    () => config.getGlobalFilters(),
    () => config.getGlobalRequestFilters(),
  ];
  return {
    creator: ExternalContextCreator.fromContainer(view),
    hasGlobals: () => all.some((list) => list().length > 0),
  };
}
