export type * from './bulk-store.port.js';
export type * from './config-store.port.js';
export type * from './enqueue-store.port.js';
export type * from './event-store.port.js';
export type * from './job-store.port.js';
export type * from './log.port.js';
export type * from './transaction-store.port.js';
