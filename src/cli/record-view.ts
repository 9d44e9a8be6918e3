import { toBase64url } from '../bytes/base64url.js';
import type { DeviceEntry } from '../protocol/identity/device.js';
import type { KeyRecord } from '../protocol/identity/record.js';
import { printable } from './printable.js';

export { recordView } from '../server/key-provider/record-view.js';

/** A key record for people, `thisDevice` marked. */
export function recordLines(record: KeyRecord, thisDevice?: string): readonly string[] {
  const isThis = ({ id, notAfter, revokedAt }: DeviceEntry) =>
    id === thisDevice && notAfter === undefined && revokedAt === undefined;
  return [
    `address   ${record.address}`,
    `identity  ${toBase64url(record.identity)}`,
    `version   ${record.version}, of ${day(record.issuedAt)}, valid until ${day(record.expiresAt)}`,
    ...record.devices.map((device) => `device    ${deviceLine(device)}${isThis(device) ? ' (this one)' : ''}`),
  ];
}

function deviceLine({ id, name, notBefore, notAfter, revokedAt }: DeviceEntry): string {
  const named = name === undefined ? '' : ` "${printable(name)}"`;
  return `${id}${named} ${standing({ notBefore, notAfter, revokedAt })}`;
}

function standing({
  notBefore,
  notAfter,
  revokedAt,
}: {
  notBefore: number;
  notAfter: number | undefined;
  revokedAt: number | undefined;
}): string {
  if (revokedAt !== undefined) return `revoked on ${day(revokedAt)}`;
  if (notAfter !== undefined) return `retired on ${day(notAfter)}`;
  return `since ${day(notBefore)}`;
}

/** A record may claim any number of seconds. */
function day(seconds: number): string {
  return seconds <= 253_402_300_799 ? new Date(seconds * 1000).toISOString().slice(0, 10) : String(seconds);
}
