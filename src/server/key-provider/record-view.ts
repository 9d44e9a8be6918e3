import { toBase64url } from '../../bytes/base64url.js';
import { encodePublicKey, type PublicKey } from '../../cose/key.js';
import type { DeviceEntry } from '../../protocol/identity/device.js';
import type { KeyRecord } from '../../protocol/identity/record.js';

/** A key record as JSON, for people: nothing verifies against it. */
export function recordView(record: KeyRecord): Record<string, unknown> {
  return {
    address: record.address,
    version: record.version,
    issuedAt: instant(record.issuedAt),
    expiresAt: instant(record.expiresAt),
    hash: toBase64url(record.hash),
    previous: record.previous && toBase64url(record.previous),
    identity: toBase64url(record.identity),
    identityKey: keyView(record.identityKey),
    capabilities: record.capabilities,
    devices: record.devices.map(deviceView),
  };
}

function deviceView(device: DeviceEntry): Record<string, unknown> {
  return {
    id: device.id,
    name: device.name,
    signKey: keyView(device.signKey),
    sealKey: keyView(device.sealKey),
    notBefore: instant(device.notBefore),
    notAfter: device.notAfter && instant(device.notAfter),
    revokedAt: device.revokedAt && instant(device.revokedAt),
  };
}

function keyView(key: PublicKey): Record<string, unknown> {
  return { algorithm: key.kty === 'RSA' ? key.kty : key.crv, coseKey: toBase64url(encodePublicKey(key)) };
}

/** ISO 8601 where a date can hold it: a record may claim any number of seconds. */
function instant(seconds: number): string | number {
  return seconds <= 253_402_300_799 ? new Date(seconds * 1000).toISOString() : seconds;
}
