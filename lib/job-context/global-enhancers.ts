import type { ArgumentsHost } from '@nestjs/common';
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

interface ExceptionsHandler {
  next: (error: unknown, host: ArgumentsHost) => unknown;
  invokeCustomFilters(error: unknown, host: ArgumentsHost): unknown;
}

/** Without Nest's own filter, which comes after all others and would log each retry that is planned as an error. */
function withQuietFilters(creator: ExternalContextCreator): ExternalContextCreator {
  const { filtersContextCreator } = creator as unknown as { filtersContextCreator: { create(...args: unknown[]): ExceptionsHandler } };
  const create = filtersContextCreator.create.bind(filtersContextCreator);
  filtersContextCreator.create = (...args) => {
    const handler = create(...args);
    handler.next = (error, host) => handler.invokeCustomFilters(error, host);
    return handler;
  };
  return creator;
}

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
    creator: withQuietFilters(ExternalContextCreator.fromContainer(view)),
    hasGlobals: () => all.some((list) => list().length > 0),
  };
}
