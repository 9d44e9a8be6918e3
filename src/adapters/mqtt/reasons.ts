import mqtt from 'mqtt';
import { isSealMQError, SealMQError } from '../../errors.js';
import type { DisconnectCause } from '../../ports/transport.js';

/** The other client that uses our id has the session now (MQTT 5 §3.14.2.1). */
const SESSION_TAKEN_OVER = 0x8e;

/** CONNACK codes that name the protocol version: 1 in MQTT 3.1.1, 0x84 in MQTT 5. */
const VERSION_REFUSED = [0x01, 0x84];

/** CONNACK codes of a broker that would have us, only not now or not here: 3.1.1 §3.2.2.3 and 5 §3.2.2.2. */
const NOT_NOW = [0x03, 0x88, 0x89, 0x97, 0x9c, 0x9d, 0x9f];

/** PUBACK codes of a broker that may take the message later (5 §3.4.2.1): unspecified, implementation specific, quota exceeded. */
const NOT_YET = [0x80, 0x83, 0x97];

/** What a reason code means, for people. */
export function reasonText(code: number | undefined): string {
  return (code !== undefined && mqtt.ReasonCodes[code as keyof typeof mqtt.ReasonCodes]) || `reason code ${code}`;
}

/** The reason code that the broker gave, if it was the broker who complained. */
export function reasonCode(error: Error | undefined): number | undefined {
  const code = error !== undefined && 'code' in error ? error.code : undefined;
  return typeof code === 'number' ? code : undefined;
}

/** True when the broker said that it does not speak our version of the protocol. */
export function refusesVersion(error: Error | undefined): boolean {
  return VERSION_REFUSED.includes(reasonCode(error) ?? 0);
}

/** The error for an attempt that ended with `cause`: `TRANSPORT_REFUSED` when the broker denied us, else `TRANSPORT_UNREACHABLE`. */
export function connectError(cause: Error | undefined): SealMQError {
  const code = reasonCode(cause);
  const denied = code !== undefined && !NOT_NOW.includes(code);
  const text = cause === undefined ? 'the broker closed the connection without a word' : describe(cause);
  return new SealMQError(denied ? 'TRANSPORT_REFUSED' : 'TRANSPORT_UNREACHABLE', text, cause);
}

/** The error for a message that the broker did not take: `TRANSPORT_REFUSED` for good, `TRANSPORT_UNREACHABLE` for now. */
export function publishRefusal(code: number, cause?: Error): SealMQError {
  if (NOT_YET.includes(code)) {
    return new SealMQError(
      'TRANSPORT_UNREACHABLE',
      `the broker does not take the message now: ${reasonText(code)}`,
      cause,
    );
  }
  return new SealMQError('TRANSPORT_REFUSED', `the broker refuses the message: ${reasonText(code)}`, cause);
}

/** What kept an attempt that ended with `error` of {@link connectError} from becoming a connection. */
export function attemptCause(error: SealMQError): DisconnectCause {
  return error.code === 'TRANSPORT_REFUSED' ? 'refused' : 'unreachable';
}

/** The library has no class or code for it. */
const KEEPALIVE_TIMEOUT = 'Keepalive timeout';

/** What ended an established connection with `fault`. */
export function lossCause(fault: Error | undefined): DisconnectCause {
  if (isSealMQError(fault, 'TRANSPORT_REFUSED')) return 'refused';
  if (isSealMQError(fault)) return 'not-taken';
  if (reasonCode(fault) === SESSION_TAKEN_OVER) return 'taken-over';
  if (reasonCode(fault) !== undefined) return 'ended-by-broker';
  return fault?.message === KEEPALIVE_TIMEOUT ? 'keepalive-timeout' : 'network';
}

/** The broker's DISCONNECT (MQTT 5 §3.14) as an error that carries its reason code. */
export function disconnectError(code: number | undefined): Error {
  return new mqtt.ErrorWithReasonCode(`the broker disconnected us: ${reasonText(code)}`, code ?? 0);
}

/** `AggregateError`s of a host with several addresses have an empty message of their own. */
function describe(error: Error): string {
  if (error.message !== '') return error.message;
  return error instanceof AggregateError ? error.errors.map((each: Error) => each.message).join('; ') : error.name;
}
