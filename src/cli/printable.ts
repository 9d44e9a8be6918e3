/**
 * What a terminal would act upon rather than show: C0 and C1 controls (but line feed and tab), and the characters that turn
 * the direction of text around. A sender must not be able to move the cursor or to paint over other lines.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** `text` with {@link UNPRINTABLE} characters as `\u` escapes. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

/** JSON on one line, harmless on a terminal. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(UNPRINTABLE, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
