// Reads the fields of one unknown object and notes a problem for each that is not as expected.
import { unprintable } from './printable.js';

export class Fields {
  private readonly values: Record<string, unknown>;

  constructor(
    input: unknown,
    private readonly path: string,
    private readonly problems: string[],
  ) {
    this.values = typeof input === 'object' && input !== null ? { ...input } : {};
  }

  get(key: string): unknown {
    return this.values[key];
  }

  text(key: string, longest: number): string {
    const value = this.values[key];
    const text = typeof value === 'string' ? value.trim().normalize('NFC') : '';
    if (text.length < 1 || text.length > longest) {
      return this.problem(key, `must be a text of 1 to ${longest} characters`, '');
    }
    const strange = unprintable(text);
    return strange
      ? this.problem(key, `has characters that our invoices can't show: ${strange}`, '')
      : text;
  }

  email(key: string): string {
    const email = this.text(key, 254);
    return email === '' || /^[^\s@<>,]+@[^\s@<>,]+\.[^\s@<>,]+$/.test(email)
      ? email
      : this.problem(key, 'must be an email address', '');
  }

  integer(key: string, least: number, most: number): number {
    const value = this.values[key];
    return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? value
      : this.problem(key, `must be a whole number from ${least} to ${most}`, 0);
  }

  private problem<T>(key: string, what: string, instead: T): T {
    this.problems.push(`${this.path}${key} ${what}`);
    return instead;
  }
}
