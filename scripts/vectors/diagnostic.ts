import { toHex } from '../../src/bytes/bytes.js';
import { type CborMap, type CborValue, decodeCbor, Tagged } from '../../src/bytes/cbor.js';

/** What to say about a data item and the items in it. */
export interface Note {
  /** Stands before the item as a comment. */
  readonly say?: string | ((value: CborValue) => string);
  /** Notes on the values of a map or the elements of an array, by key or index. */
  readonly at?: Readonly<Record<string, Note>>;
  /** One note for all elements of an array. */
  readonly each?: Note;
  /** The item is a byte string that holds CBOR. */
  readonly embedded?: Note;
}

const LINE = 96;

/** Extended diagnostic notation (RFC 8610 §G) of `value`, with comments. */
export function diagnose(value: CborValue, note: Note = {}, indent = ''): string {
  const { say } = note;
  const comment = say === undefined ? '' : `/ ${typeof say === 'string' ? say : say(value)} / `;
  return comment + item(value, note, indent);
}

function item(value: CborValue, note: Note, indent: string): string {
  if (value instanceof Tagged) return `${value.tag}(${item(value.value as CborValue, note, indent)})`;
  if (value instanceof Uint8Array) return bytes(value, note, indent);
  if (Array.isArray(value)) return array(value, note, indent);
  if (value instanceof Map) return map(value, note, indent);
  return JSON.stringify(value);
}

function bytes(value: Uint8Array, { embedded }: Note, indent: string): string {
  if (embedded && value.length > 0) return `<< ${diagnose(decodeCbor(value), embedded, indent)} >>`;
  const hex = toHex(value);
  return hex.length + indent.length <= LINE ? `h'${hex}'` : `h'${folded(hex, `${indent}  `)}'`;
}

function array(value: readonly CborValue[], { at = {}, each }: Note, indent: string): string {
  const inner = `${indent}  `;
  const items = value.map((element, i) => diagnose(element, each ?? at[i], inner));
  return block('[', items, ']', indent);
}

function map(value: CborMap, { at = {} }: Note, indent: string): string {
  const inner = `${indent}  `;
  const items = [...value].map(([key, element]) => {
    const { say, ...rest } = at[String(key)] ?? {};
    const comment = say === undefined ? '' : `/ ${typeof say === 'string' ? say : say(element)} / `;
    return `${comment}${JSON.stringify(key)}: ${diagnose(element, rest, inner)}`;
  });
  return block('{', items, '}', indent);
}

/** On one line where it is short and holds nothing nested. */
function block(open: string, items: readonly string[], close: string, indent: string): string {
  const line = `${open}${items.join(', ')}${close}`;
  if (!line.includes('\n') && !line.includes('/ ') && line.length + indent.length <= LINE) return line;
  return `${open}\n${items.map((text) => `${indent}  ${text}`).join(',\n')}\n${indent}${close}`;
}

/** Hexadecimal over several lines. */
export function folded(hex: string, indent = ''): string {
  const width = LINE - indent.length - (indent.length % 2);
  const lines: string[] = [];
  for (let i = 0; i < hex.length; i += width) lines.push(indent + hex.slice(i, i + width));
  return indent === '' ? lines.join('\n') : `\n${lines.join('\n')}`;
}
