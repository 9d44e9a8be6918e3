import webPush from 'web-push';
import { fromBase64url } from '../../../bytes/base64url.js';
import { SealMQError } from '../../../errors.js';

/** The key pair by which push services know this relay (VAPID, RFC 8292). */
export interface VapidKeys {
  /** An uncompressed P-256 point, 65 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly privateKey: Uint8Array;
}

/** A fresh pair. */
export function generateVapidKeys(): VapidKeys {
  const { publicKey, privateKey } = webPush.generateVAPIDKeys();
  return { publicKey: fromBase64url(publicKey), privateKey: fromBase64url(privateKey) };
}

/** `contact` itself: whom a push service can write to about this relay (RFC 8292 §2.1). @throws `USAGE_INVALID_ARGUMENT` */
export function assertContact(contact: string): string {
  if (/^mailto:[^\s@]+@[^\s@]+$/.test(contact)) return contact;
  if (contact.startsWith('https://') && URL.canParse(contact)) return contact;
  throw new SealMQError('USAGE_INVALID_ARGUMENT', 'a contact for push services is mailto:… or https://…');
}
