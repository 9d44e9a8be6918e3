import { RELAY_ADDRESS } from '../../protocol/address.js';
import { DEFAULT_TOPIC_PREFIX } from '../../protocol/envelope/topics.js';
import type { RelayWord } from '../../protocol/relay/relay-envelope.js';

/** Whom a token is for. */
export interface Subject {
  /** An address, or `relay`. */
  readonly address: string;
  /** The id of the device in the key record of the address; a relay has none. */
  readonly device?: string;
  /** The device is in no record yet: it is about to be linked. */
  readonly guest?: boolean;
}

/** What is said to the relay. */
const SAID: readonly RelayWord[] = ['hand-in', 'update'];

/** The topics that a client has business with, as MQTT filters. */
export interface TopicAccess {
  /** A client may publish to topics that match one of these. */
  readonly publish: readonly string[];
  /** As {@link publish}, with the retain flag. */
  readonly retain: readonly string[];
  /** A client may subscribe to these, and to what is narrower. */
  readonly subscribe: readonly string[];
}

/**
 * What a client may do. It reads its own topics, those of rooms and groups that it knows the name of, and in rooms what is for
 * everybody or for its own device. It writes to everybody's, and in rooms speaks as its own device only. Only states are
 * retained. A guest talks with the devices of its own address about being linked, and that is all.
 */
export function topicAccess({ address, device, guest = false }: Subject, prefix = DEFAULT_TOPIC_PREFIX): TopicAccess {
  const at = (...levels: string[]) => [prefix, ...levels].join('/');
  if (guest) return { publish: [at(address, 'control')], retain: [], subscribe: [at(address, 'control')] };
  const writing = ['message', 'signal', 'control'].map((family) => at('+', family));
  if (address === RELAY_ADDRESS) {
    return {
      publish: [...writing, at('+', 'relay')],
      retain: [],
      subscribe: SAID.map((word) => at(RELAY_ADDRESS, word)),
    };
  }
  const ofDevice = device === undefined ? [] : [device];
  return {
    publish: [
      ...[...writing, at('+', 'will'), at('+', 'state/+')],
      ...SAID.map((word) => at(RELAY_ADDRESS, word)),
      ...[at('room/+/control'), at('room/+/control/+'), at('group/+/#')],
      ...ofDevice.flatMap((id) => [at('room/+/frame', id), at('room/+/heartbeat', id)]),
    ],
    retain: [at('+', 'state/+')],
    subscribe: [
      ...[at(address, '#'), at('room/+/control'), at('room/+/frame/+'), at('room/+/heartbeat/+'), at('group/+/#')],
      ...ofDevice.map((id) => at('room/+/control', id)),
    ],
  };
}

/** The words in front of the name of a room or a group. */
const NAMED = ['room', 'group'];

/**
 * Whether a subscription is covered by one of `access`. A filter that does not say which room or group it means never is: who
 * does not know the name has no business there.
 */
export function maySubscribe({ subscribe }: TopicAccess, filter: string, prefix = DEFAULT_TOPIC_PREFIX): boolean {
  const [kind = '', name = ''] = filter.slice(prefix.length + 1).split('/');
  if (NAMED.includes(kind) && (name === '+' || name === '#')) return false;
  return subscribe.some((allowed) => covers(allowed, filter));
}

/** Whether every topic that matches `narrow` matches `wide`. */
function covers(wide: string, narrow: string): boolean {
  const levels = narrow.split('/');
  const pattern = wide.split('/');
  for (const [index, level] of pattern.entries()) {
    if (level === '#') return true;
    const given = levels[index];
    if (given === undefined || given === '#' || (level !== '+' && level !== given)) return false;
  }
  return pattern.length === levels.length;
}

/** A rule of EMQX's `acl` claim (version 5.5 and later): the first that matches decides. */
export interface AclRule {
  readonly permission: 'allow' | 'deny';
  readonly action: 'publish' | 'subscribe' | 'all';
  readonly topic: string;
  readonly retain?: boolean;
}

/** `access` in the words of EMQX. A `+` in a rule for subscriptions matches a `+` in a filter, so whole rooms are denied first. */
export function aclRules({ publish, retain, subscribe }: TopicAccess): AclRule[] {
  const isNamed = (topic: string) => NAMED.some((kind) => topic.includes(`/${kind}/+`));
  return [
    ...subscribe
      .filter(isNamed)
      .map((topic): AclRule => ({ permission: 'deny', action: 'subscribe', topic: `eq ${topic}` })),
    ...subscribe.map((topic): AclRule => ({ permission: 'allow', action: 'subscribe', topic })),
    ...retain.map((topic): AclRule => ({ permission: 'allow', action: 'publish', topic, retain: true })),
    ...publish.map((topic): AclRule => ({ permission: 'allow', action: 'publish', topic, retain: false })),
    { permission: 'deny', action: 'all', topic: '#' },
  ];
}
