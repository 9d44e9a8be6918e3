import { toHex, utf8 } from '../../src/bytes/bytes.js';
import { nativeProvider } from '../../src/crypto/native.js';
import { atOnce, run } from '../../src/crypto/steps.js';
import { sealSigned } from '../../src/protocol/envelope/seal.js';
import {
  encodeHandIn,
  encodeUpdate,
  encodeWakeNote,
  type HandIn,
  sealHandIn,
  sealUpdate,
  type Update,
} from '../../src/protocol/relay/index.js';
import { fixedBytes, fixedProvider } from './fixed-provider.js';
import { key, thumbprintOf } from './keys.js';

const native = nativeProvider();
const NOW = 1_900_000_000;

/** Who speaks, and the relay, which has the keys of Bob's phone. */
const SPEAKER = { sender: 'alice', signKey: 'alice.sign' } as const;
const RELAY = { identity: 'bob.identity', sealKey: 'bob.phone.seal' } as const;

const keys = () => ({ signKey: key(SPEAKER.signKey), relay: [key(RELAY.sealKey).publicKey] });
const fromBase64url = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'));

/** The subscription of RFC 8291 §5. */
const SUBSCRIPTION = {
  endpoint: 'https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV',
  p256dh: fromBase64url('BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4'),
  auth: fromBase64url('BTBZMqHH6r4Tts7J_aSIgg'),
};

/** A message that asks for somebody to be woken, what a device tells the relay, and what a push brings. */
export function relayVectors() {
  const sealed = message();
  const told = (name: string) => ({
    ...{ relay: thumbprintOf(RELAY.identity), sender: SPEAKER.sender, issuedAt: NOW },
    nonce: fixedBytes(`relay/${name}/nonce`, 16),
  });
  const updates: readonly (readonly [name: string, update: Update])[] = [
    ['push', { type: 'push', number: 7, subscription: { ...SUBSCRIPTION, expiresAt: NOW + 86_400 }, ...told('push') }],
    ['no-push', { type: 'push', number: 8, ...told('no-push') }],
    ['heard', { type: 'heard', message: atOnce(native.sha256(sealed)), ...told('heard') }],
  ];
  return {
    source: 'made by scripts/make-vectors.ts; the keys are those of envelope.json',
    now: NOW,
    ...{ speaker: SPEAKER, relay: RELAY, message: toHex(sealed) },
    handIn: handIn(sealed, told('hand-in')),
    updates: updates.map(([name, update]) => ({
      ...{ name, statement: toHex(encodeUpdate(update)) },
      sealed: toHex(atOnce(run(sealUpdate(fixedProvider(`relay/${name}`).provider, update, keys())))),
    })),
    wakeNotes: [
      { name: 'with the dial', dial: toHex(sealed), note: encodeWakeNote(sealed) },
      { name: 'without it, as a longer one would not fit', note: encodeWakeNote(new Uint8Array(3_993)) },
    ],
  };
}

function message(): Uint8Array {
  const draft = {
    ...{ from: 'alice', audience: 'bob', issuedAt: NOW, family: 'signal' as const },
    ...{ contentType: 'text/plain', payload: utf8('in place of a dial') },
  };
  const recipients = [key('bob.laptop.seal').publicKey];
  const { provider } = fixedProvider('relay/message');
  return atOnce(run(sealSigned(provider, draft, { signKey: key('alice.sign'), recipients }))).sealed;
}

function handIn(sealed: Uint8Array, told: Omit<HandIn, 'message' | 'receivers' | 'family'>) {
  const content = { ...told, receivers: ['bob'], family: 'signal' as const, wake: new Uint8Array(0) };
  const { provider } = fixedProvider('relay/hand-in');
  return {
    statement: toHex(encodeHandIn({ ...content, message: atOnce(native.sha256(sealed)) })),
    sealed: toHex(atOnce(run(sealHandIn(provider, content, sealed, keys())))),
  };
}
