import type * as NodeCrypto from 'node:crypto';
import type * as NodeFiles from 'node:fs/promises';
import type * as NodeOs from 'node:os';
import type * as NodePath from 'node:path';

interface Builtins {
  crypto: typeof NodeCrypto;
  'fs/promises': typeof NodeFiles;
  os: typeof NodeOs;
  path: typeof NodePath;
}

/**
 * A module of Node's own, or `undefined` where the runtime is not Node. It is fetched at run time, and by its name without
 * the scheme, so that a bundle for browsers holds nothing that a bundler would try to resolve or complain about.
 */
export function nodeBuiltin<Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as Builtins[Name] | undefined;
}
