import { nodeBuiltin } from './node-builtin.js';

/**
 * Where the state of `address` lies when nothing else is said: a folder under `SEALMQ_HOME` or `~/.sealmq` (Node), the
 * IndexedDB database `sealmq-<address>` (browsers).
 */
export function defaultLocation(address: string): string {
  const path = nodeBuiltin('path');
  const os = nodeBuiltin('os');
  if (!path || !os) return `sealmq-${address}`;
  return path.join(process.env.SEALMQ_HOME ?? path.join(os.homedir(), '.sealmq'), address);
}
