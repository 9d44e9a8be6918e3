import { SealMQError } from '../errors.js';

/** How far a sent message has come. */
export interface Tracked {
  /**
   * Resolves when the first of the receiver's devices has receipted it; rejects with `USAGE_CLOSED` on `close()`,
   * `DIRECTORY_NO_ACTIVE_DEVICE` when all devices that it was sealed to were retired or revoked before.
   */
  readonly delivered: Promise<void>;
  /** Ids of the receiver's devices that have receipted it so far. */
  readonly deliveredTo: readonly string[];
}

/** Follows the messages of this process until their receipts come. */
export interface Tracking {
  /** Messages that are followed: something may still come of them. */
  readonly depth: number;
  /** Without a key a message whose receipts are not waited for: nothing ever comes of it, and nothing is kept. */
  follow(key: string | undefined): Tracked;
  /** A device has receipted the message: the last one of those that it was sealed to, or others may follow. */
  arrived(key: string, device: string, isLast: boolean): void;
  /** Nothing more will come of it. */
  failed(key: string, error: SealMQError): void;
  close(): void;
}

/** Names a message among all that were sent. */
export function sentKey(to: string, stream: number, seq: number): string {
  const digits = (value: number) => String(value).padStart(16, '0');
  return `${to}/${digits(stream)}/${digits(seq)}`;
}

/** No {@link sentKey}. */
const UNFOLLOWED = '';

/** Tracking of nothing yet. */
export function createTracking(): Tracking {
  const followed = new Map<string, { devices: string[]; resolve(): void; reject(error: unknown): void }>();
  let closed = false;
  const track = (key: string): Tracked => {
    const devices: string[] = [];
    const delivered = new Promise<void>((resolve, reject) => {
      if (closed) reject(closedError());
      else followed.set(key, { devices, resolve, reject });
    });
    // Most callers do not look at it.
    delivered.catch(() => {});
    return { delivered, deliveredTo: devices };
  };
  // One for all of them: it rejects when the messenger is closed.
  const unfollowed = track(UNFOLLOWED);
  return {
    get depth() {
      return Math.max(0, followed.size - 1);
    },
    follow: (key) => (key === undefined ? unfollowed : track(key)),
    arrived(key, device, isLast) {
      const entry = followed.get(key);
      if (!entry) return;
      if (isLast) followed.delete(key);
      entry.devices.push(device);
      entry.resolve();
    },
    failed(key, error) {
      followed.get(key)?.reject(error);
      followed.delete(key);
    },
    close() {
      closed = true;
      for (const { reject } of followed.values()) reject(closedError());
      followed.clear();
    },
  };
}

function closedError(): SealMQError {
  return new SealMQError('USAGE_CLOSED', 'closed before it was receipted');
}
