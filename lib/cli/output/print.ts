/** Writes what a command has to say: for programs as JSON, for people as text. */
export function print(json: boolean, value: unknown, text: () => string): void {
  console.log(json ? JSON.stringify(value, undefined, 2) : text());
}
