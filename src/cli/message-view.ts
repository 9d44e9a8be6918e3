import { toBase64url } from '../bytes/base64url.js';
import type { Message } from '../client/message.js';
import { printable } from './printable.js';

/** A message as `listen --json` prints it. What is absent is null; `bytes` (base64url) stands where `text` cannot. */
export function messageView(message: Message): Record<string, unknown> {
  const text = textOf(message);
  return {
    from: message.from,
    copyTo: message.to ?? null,
    text,
    ...(text === null && { bytes: toBase64url(message.bytes) }),
    id: message.id,
    seq: message.seq ?? null,
    channel: message.channel ?? null,
    contentType: message.contentType ?? null,
    sentAt: message.sentAt.toISOString(),
    device: message.device,
    ...(message.family === 'will' && { family: 'will' }),
  };
}

/** A message for people. Further lines are indented, or a message could look like one of somebody else. */
export function messageLine(message: Message): string {
  const text = textOf(message);
  const shown = text === null ? `(${message.bytes.length} bytes, ${message.contentType ?? 'of no type'})` : text;
  const note = message.copy ? ` (to ${message.to})` : message.family === 'will' ? ' (will)' : '';
  return printable(`${message.from}${note}: ${shown.replace(/\r?\n$/, '').replaceAll('\n', '\n  ')}`);
}

function textOf(message: Message): string | null {
  try {
    return message.text;
  } catch {
    return null;
  }
}
