import { type CborValue, decodeCbor, Tagged } from '../../src/bytes/cbor.js';
import { itemEnd } from '../bytes/item-end.js';

/** As much of CDDL (RFC 8610) as the document uses, so that what it says can be held against real bytes. */

/** Whether a decoded item has the form of a rule. */
export type Matches = (value: CborValue) => boolean;

type Names = ReadonlyMap<string, Type>;
/** A type of the grammar: what it matches, given the rules and the arguments of a generic one. */
interface Type {
  readonly parameters?: readonly string[];
  match(value: CborValue, names: Names): boolean;
  /** For `.size`: the lengths that a number or range allows. */
  readonly range?: readonly [number, number];
  /** For map keys and for literals. */
  readonly literal?: CborValue;
}

interface Entry {
  readonly min: number;
  readonly max: number;
  readonly key: Type | undefined;
  readonly type: Type;
}

const TOKEN = /;[^\n]*|\s+|h'[0-9a-f]*'|"[^"]*"|#6\.\d+|=>|\.\.|\.[a-z]+|-?\d+|[A-Za-z][\w-]*|[=/,:()[\]{}<>*?]/gy;

const PRELUDE: Readonly<Record<string, Matches>> = {
  any: () => true,
  int: (value) => typeof value === 'number',
  tstr: (value) => typeof value === 'string',
  bstr: (value) => value instanceof Uint8Array,
  nil: (value) => value === null,
  true: (value) => value === true,
  bool: (value) => typeof value === 'boolean',
};

/** The rules of `source` by name. @throws SyntaxError */
export function parseCddl(source: string): Map<string, Matches> {
  const tokens = tokenise(source);
  const rules = new Map<string, Type>();
  for (const [name, match] of Object.entries(PRELUDE)) rules.set(name, { match });
  while (tokens.length > 0) {
    const name = tokens.shift() ?? '';
    if (rules.has(name)) throw new SyntaxError(`rule ${name} twice`);
    const parameters = accept(tokens, '<') ? argumentsUntil(tokens, () => tokens.shift() ?? '') : [];
    expectToken(tokens, '=');
    rules.set(name, { ...choice(tokens), parameters });
  }
  for (const name of rules.keys()) if (!/^[A-Za-z]/.test(name)) throw new SyntaxError(`bad rule name ${name}`);
  return new Map([...rules].map(([name, type]) => [name, (value) => type.match(value, rules)]));
}

function tokenise(source: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(source)?.[0];
    if (token === undefined) throw new SyntaxError(`not CDDL: ${source.slice(at, at + 40)}`);
    if (!/^[;\s]/.test(token)) tokens.push(token);
  }
  return tokens;
}

/** type = type1 *( "/" type1 ) */
function choice(tokens: string[]): Type {
  const options = [controlled(tokens)];
  while (accept(tokens, '/')) options.push(controlled(tokens));
  const [only] = options;
  if (only && options.length === 1) return only;
  return { match: (value, names) => options.some((option) => option.match(value, names)) };
}

/** type1 = type2 [ rangeop / ctlop type2 ] */
function controlled(tokens: string[]): Type {
  const target = primary(tokens);
  const operator = tokens[0] ?? '';
  if (!operator.startsWith('.')) return target;
  tokens.shift();
  const control = primary(tokens);
  if (operator === '..') return range(target, control);
  const holds = CONTROLS[operator];
  if (!holds) throw new SyntaxError(`unknown control ${operator}`);
  return { match: (value, names) => target.match(value, names) && holds(value, control, names) };
}

function range(from: Type, to: Type): Type {
  const [low, high] = [from.literal as number, to.literal as number];
  return { match: (value) => typeof value === 'number' && value >= low && value <= high, range: [low, high] };
}

const CONTROLS: Readonly<Record<string, (value: CborValue, control: Type, names: Names) => boolean>> = {
  '.size': (value, control) => {
    const { length } = value as Uint8Array;
    const [low, high] = control.range ?? [control.literal as number, control.literal as number];
    return length >= low && length <= high;
  },
  '.regexp': (value, control) => new RegExp(`^(${control.literal})$`).test(value as string),
  '.cbor': (value, control, names) => control.match(decodeCbor(value as Uint8Array), names),
  '.cborseq': (value, control, names) => control.match(sequence(value as Uint8Array), names),
};

function sequence(bytes: Uint8Array): CborValue[] {
  const items: CborValue[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const end = itemEnd(bytes, offset);
    items.push(decodeCbor(bytes.subarray(offset, end)));
    offset = end;
  }
  return items;
}

function primary(tokens: string[]): Type {
  const token = tokens.shift() ?? '';
  if (token === '(') return closed(choice(tokens), tokens, ')');
  if (token === '[') return closed(arrayOf(group(tokens, ']')), tokens, ']');
  if (token === '{') return closed(mapOf(group(tokens, '}')), tokens, '}');
  if (token.startsWith('#6.')) return tagged(Number(token.slice(3)), tokens);
  if (token.startsWith('"')) return literal(token.slice(1, -1));
  if (token.startsWith("h'")) return literal(Uint8Array.from(Buffer.from(token.slice(2, -1), 'hex')));
  if (/^-?\d/.test(token)) return literal(Number(token));
  if (/^[A-Za-z]/.test(token)) return reference(token, tokens);
  throw new SyntaxError(`unexpected ${token}`);
}

function literal(expected: CborValue): Type {
  const match: Matches = (value) =>
    expected instanceof Uint8Array && value instanceof Uint8Array
      ? Buffer.compare(expected, value) === 0
      : expected === value;
  const length = typeof expected === 'number' ? { range: [expected, expected] as const } : {};
  return { match, literal: expected, ...length };
}

function tagged(tag: number, tokens: string[]): Type {
  expectToken(tokens, '(');
  const content = closed(choice(tokens), tokens, ')');
  return {
    match: (value, names) =>
      value instanceof Tagged && value.tag === tag && content.match(value.value as CborValue, names),
  };
}

function reference(name: string, tokens: string[]): Type {
  const given = accept(tokens, '<') ? argumentsUntil(tokens, () => choice(tokens)) : [];
  return {
    match(value, names) {
      const rule = names.get(name);
      if (!rule) throw new SyntaxError(`no rule ${name}`);
      const bound = rule.parameters?.map((parameter, i): [string, Type] => {
        const type = given[i];
        if (!type) throw new SyntaxError(`${name} lacks an argument`);
        return [parameter, type];
      });
      return rule.match(value, bound && bound.length > 0 ? new Map([...names, ...bound]) : names);
    },
  };
}

/** Elements in order, each entry as often as its occurrence allows. */
function arrayOf(entries: readonly Entry[]): Type {
  return {
    match(value, names) {
      if (!Array.isArray(value)) return false;
      let at = 0;
      for (const { min, max, type } of entries) {
        let count = 0;
        while (count < max && at < value.length && type.match(value[at], names)) {
          at++;
          count++;
        }
        if (count < min) return false;
      }
      return at === value.length;
    },
  };
}

/** Keys that are spelled out take precedence (a cut), the others are a wildcard's. */
function mapOf(entries: readonly Entry[]): Type {
  const spelled = entries.filter(({ key }) => key?.literal !== undefined);
  const wildcards = entries.filter(({ key }) => key?.literal === undefined);
  return {
    match(value, names) {
      if (!(value instanceof Map)) return false;
      const rest = new Map(value);
      for (const { key, type, min } of spelled) {
        const found = rest.get(key?.literal);
        if (found === undefined ? min > 0 : !type.match(found, names)) return false;
        rest.delete(key?.literal);
      }
      return [...rest].every(([key, item]) =>
        wildcards.some((entry) => entry.key?.match(key, names) && entry.type.match(item, names)),
      );
    },
  };
}

function group(tokens: string[], end: string): Entry[] {
  const entries: Entry[] = [];
  while (tokens[0] !== end) {
    const [min, max] = occurrence(tokens);
    const first = controlled(tokens);
    // A member key is followed by ":" or "=>"; in an array it is only a name.
    const isKey = tokens[0] === ':' || tokens[0] === '=>';
    if (isKey) tokens.shift();
    const type = isKey ? choice(tokens) : withChoices(first, tokens);
    entries.push({ min, max, key: isKey ? first : undefined, type });
    if (!accept(tokens, ',')) break;
  }
  return entries;
}

function withChoices(first: Type, tokens: string[]): Type {
  if (!accept(tokens, '/')) return first;
  const others = choice(tokens);
  return { match: (value, names) => first.match(value, names) || others.match(value, names) };
}

function occurrence(tokens: string[]): [min: number, max: number] {
  if (accept(tokens, '?')) return [0, 1];
  const min = tokens[1] === '*' && /^\d/.test(tokens[0] ?? '') ? Number(tokens.shift()) : 0;
  if (!accept(tokens, '*')) return [1, 1];
  return [min, /^\d/.test(tokens[0] ?? '') && tokens[1] !== ']' ? Number(tokens.shift()) : Number.POSITIVE_INFINITY];
}

function argumentsUntil<T>(tokens: string[], read: () => T): T[] {
  const items = [read()];
  while (accept(tokens, ',')) items.push(read());
  expectToken(tokens, '>');
  return items;
}

function closed(type: Type, tokens: string[], end: string): Type {
  expectToken(tokens, end);
  return type;
}

function accept(tokens: string[], token: string): boolean {
  if (tokens[0] !== token) return false;
  tokens.shift();
  return true;
}

function expectToken(tokens: string[], token: string): void {
  if (!accept(tokens, token)) throw new SyntaxError(`expected ${token}, not ${tokens[0]}`);
}
