/** Where the queue writes what people should read; params are structured. */
export interface Log {
  debug(message: string, params?: object): void;
  log(message: string, params?: object): void;
  warn(message: string, params?: object): void;
  error(message: string, params?: object): void;
}
