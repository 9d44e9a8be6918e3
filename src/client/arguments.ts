import { isBytes, isFlag } from '../bytes/fields.js';
import { SealMQError } from '../errors.js';

/** What an argument has to be, and how people are told. */
export interface Rule {
  readonly is: (value: unknown) => boolean;
  readonly what: string;
}

/** Rules for the properties of `T`, and for those of its objects. Properties that are left out are not looked at. */
export type Rules<T> = { readonly [Name in keyof T]?: Rule | Rules<NonNullable<T[Name]>> };

export const flag: Rule = { is: isFlag, what: 'true or false' };

export const aFunction: Rule = { is: (value) => typeof value === 'function', what: 'a function' };

/** A length of time: any number from 0. */
export const duration: Rule = { is: (value) => typeof value === 'number' && value >= 0, what: 'a number from 0' };

/** A length of time after which something is over. */
export const lifetime: Rule = {
  is: (value) => typeof value === 'number' && Number.isFinite(value) && value > 0,
  what: 'a number above 0',
};

/** A number or size that something may have at most. */
export const limit: Rule = {
  is: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
  what: 'a whole number above 0',
};

export const text: Rule = { is: (value) => typeof value === 'string' && value.length > 0, what: 'a text' };

/** Anything; what it has to be beyond that, its rule among others says. */
export const given: Rule = { is: (value) => value !== undefined, what: 'needed' };

export const aByteArray: Rule = { is: isBytes, what: 'a Uint8Array' };

export const aSignal: Rule = {
  is: (value) => typeof (value as Partial<AbortSignal> | null)?.addEventListener === 'function',
  what: 'an AbortSignal',
};

export const anObject: Rule = { is: (value) => typeof value === 'object' && value !== null, what: 'an object' };

export function oneOf(...values: readonly unknown[]): Rule {
  return { is: (value) => values.includes(value), what: values.join(' or ') };
}

export function either(...rules: readonly Rule[]): Rule {
  return { is: (value) => rules.some(({ is }) => is(value)), what: rules.map(({ what }) => what).join(' or ') };
}

export function listOf({ is, what }: Rule): Rule {
  return { is: (value) => Array.isArray(value) && value.length > 0 && value.every(is), what: `a list, each ${what}` };
}

/** @throws `USAGE_INVALID_ARGUMENT` unless `value` is what `rule` says */
export function assertArgument(value: unknown, { is, what }: Rule, name: string): void {
  if (!is(value)) throw new SealMQError('USAGE_INVALID_ARGUMENT', `${name} is ${what}`);
}

/**
 * TypeScript checks what an application hands over only where that is written in TypeScript, and a word that is not understood
 * must not pass for the default: `onKeyChange: 'Hold'` would accept every key.
 *
 * @throws `USAGE_INVALID_ARGUMENT` for what is no object, or has a property that is not what its rule says
 */
export function assertOptions<T>(options: T, rules: Rules<T>, name: string): void {
  assertArgument(options, anObject, name);
  for (const key of Object.keys(rules) as (keyof T & string)[]) {
    const rule = rules[key];
    const value = options[key];
    if (rule === undefined || value === undefined) continue;
    if (isRule(rule)) assertArgument(value, rule, `${name}.${key}`);
    else assertOptions(value, rule as Rules<typeof value>, `${name}.${key}`);
  }
}

const isRule = (rule: unknown): rule is Rule => typeof (rule as Rule).is === 'function';
