import { asSealMQError } from '../errors.js';
import type { ConnectionState, TransportHandlers } from '../ports/transport.js';
import { type Family, filterOf } from '../protocol/envelope/topics.js';
import { type Announcements, createAnnouncements } from './announcements.js';
import { type Batches, createBatches } from './batches.js';
import { type Calls, createCalls } from './calls.js';
import { type Contacts, createContacts } from './contacts.js';
import type { Context } from './context.js';
import { createDelivery, type Delivery } from './delivery.js';
import { createDevices, type Devices } from './devices.js';
import type { DirectoryClock } from './directory-clock.js';
import { createFailedMessages, type FailedMessages } from './failed-messages.js';
import { Inbox } from './inbox.js';
import { type Latest, openLatest } from './latest.js';
import { createNotices } from './notices.js';
import { type Opener, startOpener } from './opener.js';
import type { Settings } from './options.js';
import { acknowledgedSoFar, type Outbox, openOutbox } from './outbox.js';
import { type OwnStates, openOwnStates } from './own-states.js';
import { createPatience, type Patience } from './patience.js';
import { createReceipts, type Receipts } from './receipts.js';
import { receive } from './receive.js';
import type { Receptions } from './reception.js';
import { createRedelivery } from './redelivery.js';
import { createAnswers } from './relay/answers.js';
import { type HandIns, openHandIns } from './relay/hand-ins.js';
import { createPushDesk, type PushDesk } from './relay/push-desk.js';
import { createQuestions } from './relay/questions.js';
import { createRequests, type Requests } from './requests.js';
import { createRooms, type Rooms } from './rooms.js';
import { createSeen } from './seen.js';
import { createSendCounters, type SendCounters } from './send-counters.js';
import { openSentBox, type SentBox } from './sent-box.js';
import { settleControl } from './settle-control.js';
import { settleMessage } from './settle-message.js';
import { settleState } from './settle-state.js';
import { settleWill } from './settle-will.js';
import { createTracking, type Tracking } from './tracking.js';
import { createValve } from './valve.js';
import { createWill } from './will.js';

/** The running parts of one messenger. */
export interface Parts {
  readonly context: Context;
  readonly clock: DirectoryClock;
  readonly outbox: Outbox;
  readonly handIns: HandIns;
  readonly batches: Batches;
  readonly counters: SendCounters;
  readonly tracking: Tracking;
  readonly sentBox: SentBox;
  readonly inbox: Inbox;
  readonly delivery: Delivery;
  readonly failed: FailedMessages;
  readonly requests: Requests;
  readonly announcements: Announcements;
  readonly devices: Devices;
  readonly contacts: Contacts;
  readonly rooms: Rooms;
  readonly calls: Calls;
  readonly pushDesk: PushDesk;
  readonly ownStates: OwnStates;
  /** Wills and states of others. */
  readonly latest: Latest;
  connection(): ConnectionState;
  /** We are registered now: a broker that did not let us in before may. Resolves when it does, or after `connectTimeout`. */
  registered(): Promise<void>;
  /** Somebody may have vouched for us by now: tries at once to come in, instead of after the pause that a failed attempt makes. */
  knock(): void;
  /** We are linked now: what a guest of the broker may not read is subscribed to. Resolves when it is. */
  linked(): Promise<void>;
  /** Stops everything in the right order; what is in flight gets so many milliseconds. */
  close(milliseconds: number): Promise<void>;
}

/** What must be released again, in reverse order, however far opening came. */
export type Releases = ((patience: Patience) => Promise<unknown> | unknown)[];

/** The queues and their workers, joined to the connection. */
export async function connectParts(
  context: Context,
  settings: Settings,
  clock: DirectoryClock,
  releases: Releases,
): Promise<Parts> {
  const { transport, account, admission, events } = context;
  const sending = await openSending(context, settings, clock);
  const { outbox, handIns, redelivery, tracking, notices, answers, questions } = sending;
  // Should something further on be refused: its timer would run for ever.
  releases.push(() => redelivery.close());
  const inbox = await Inbox.open(context, settings.limits);
  const seen = createSeen(context.store);
  const latest = await openLatest(context, settings.limits.states);
  const ownStates = await openOwnStates(context);
  const will = settings.will && createWill(context, settings.will);
  const announcements = createAnnouncements(context);
  const receipts = createReceipts(context, seen, settings.timing);
  const requests = createRequests();
  const receptions: Receptions = {
    message: settleMessage(context, { seen, onArrival: receipts.note, onMessage: requests.take }),
    control: settleControl(context, { seen, redelivery, announcements, latest }),
    will: settleWill(latest),
    state: settleState(context, latest),
  };
  const reception = { inbox, receptions, notices };
  const opener = await startOpener(context, reception, settings.quarantine);
  const valve = createValve(transport, inbox, (error) =>
    events.emit('warning', asSealMQError(error, 'TRANSPORT_CLOSED', 'the flow of mail could not be stopped')),
  );
  const delivery = createDelivery(context, inbox, settings.settle, settings.timing.handleAgainAfter);
  const contacts = createContacts(context, { ...sending, retry: opener.retry });
  const rooms = createRooms(context);
  const pushDesk = createPushDesk(context, questions);
  const calls = createCalls(context, settings.calls, { questions, heard: pushDesk.heard });
  releases.push(async (patience) => {
    await patience.wait(calls.close());
    await patience.wait(rooms.close());
    // What is being sealed is in flight as well.
    await patience.wait(Promise.all([outbox.capacity.idle(), handIns.capacity.idle()]));
    await Promise.all([outbox.close(patience.left()), handIns.close(patience.left())]);
    redelivery.close();
    questions.close();
    await announcements.close(patience.left());
    await ownStates.close(patience.left());
    await will?.close(patience.left());
    await patience.wait(receipts.close());
    await transport.close();
    tracking.close();
    requests.close();
    await patience.wait(opener.close());
    // A handler that does not come to its end keeps its message, not us: it comes again.
    await patience.wait(delivery.close());
  });

  let connection: ConnectionState = { state: 'disconnected' };
  const takers = [rooms, calls, answers];
  const takeMail = async (topic: string, payload: Uint8Array) => {
    valve.admit();
    await receive(context, reception, topic, payload);
  };
  const handlers: TransportHandlers = {
    message: (topic, payload) =>
      takers.some((part) => part.take(topic, payload)) ? undefined : takeMail(topic, payload),
    connection(change) {
      connection = change;
      const up = change.state === 'connected';
      if (change.cause === 'refused') admission?.refused();
      // While we are away a revocation may be announced, and its notice waits at the broker or is not handled yet.
      context.keys.suspect();
      for (const part of [outbox, handIns, receipts, announcements, rooms, calls]) part.connected(up);
      redelivery.connected(up, up && change.sessionPresent === false);
      ownStates.connected(up, change.sessionPresent === true);
      will?.connected(up);
      if (up) {
        context.keys.forgetFailures();
        onConnected(clock, opener, receipts);
      }
      events.emit('connection', change);
    },
    ...(will && { will: will.seal }),
  };
  const families: Family[] = [...(Object.keys(receptions) as Family[]), 'relay'];
  const filters = families.map((family) => filterOf(context.topicPrefix, account.address, family));
  filters.push(calls.filter);
  context.keys.suspect();
  const control = filterOf(context.topicPrefix, account.address, 'control');
  const isGuest = (await admission?.isGuest()) ?? false;
  const opened = transport.open(isGuest ? [control] : filters, handlers);
  void rooms.recover();
  opened.catch((error) => events.emit('warning', error));
  if (settings.connect === 'wait') await Promise.race([opened, ...(admission ? [admission.unknown] : [])]);

  const reconnect = async () => {
    await transport.pause();
    transport.resume();
  };

  return {
    ...{
      ...sending,
      context,
      clock,
      inbox,
      delivery,
      failed: createFailedMessages(context, inbox),
      requests,
      contacts,
      announcements,
      rooms,
      calls,
      pushDesk,
      ownStates,
      latest,
    },
    devices: createDevices(context, announcements, redelivery),
    connection: () => connection,
    async registered() {
      if (!admission || connection.state === 'connected') return;
      await reconnect();
      if (settings.connect === 'wait') await opened.catch(() => {});
    },
    knock() {
      if (admission && connection.state === 'disconnected') void reconnect();
    },
    async linked() {
      if (!isGuest) return;
      // A guest's token opens nothing else.
      admission?.refused();
      await reconnect();
      await transport.subscribe(filters.filter((filter) => filter !== control));
    },
    async close(milliseconds) {
      const patience = createPatience(milliseconds);
      for (const release of releases.reverse()) await release(patience);
    },
  };
}

function onConnected(clock: DirectoryClock, opener: Opener, receipts: Receipts): void {
  // Mail that seems to come from the future may only wait for the right time.
  void clock.refresh().then(() => opener.retry());
  opener.retry();
  void receipts.noteAll();
}

/** Outbox, sent box and what joins them. */
async function openSending(context: Context, settings: Settings, clock: DirectoryClock) {
  const counters = createSendCounters(context.store);
  const tracking = createTracking();
  const acknowledged = await acknowledgedSoFar(context.store);
  const sentBox = await openSentBox(context, acknowledged);
  const notices = createNotices(context, sentBox, tracking);
  const outbox = await openOutbox(context, acknowledged, sentBox, tracking, notices, settings.limits.outbox);
  const { republishAfter, handInAgainAfter: againAfter } = settings.timing;
  const answers = createAnswers(context);
  const handingIn = { sentBox, tracking, clock, answers, againAfter, limits: settings.limits.outbox };
  const handIns = await openHandIns(context, handingIn);
  const questions = createQuestions(context, answers, clock, againAfter);
  const isPending = (key: string) => outbox.isPending(key) || handIns.isPending(key);
  const parts = { sentBox, counters, tracking, republishAfter, isPending };
  const redelivery = createRedelivery(context, parts);
  const batches = createBatches(context.maxPayloadBytes);
  return { batches, counters, tracking, sentBox, notices, outbox, handIns, answers, questions, redelivery };
}
