type Unit =
  | 'ms' | 'milliseconds'
  | 's' | 'sec' | 'seconds'
  | 'm' | 'min' | 'minutes'
  | 'h' | 'hours'
  | 'd' | 'days'
  | 'w' | 'weeks';

/** A length of time: a number of milliseconds, or a string such as `'15s'`, `'5m'`, `'1.5h'`, `'7 days'`. */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`;
