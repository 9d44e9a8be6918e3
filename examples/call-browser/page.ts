/**
 * One end of a call: `?as=alice&broker=ws://…&directory=http://…`. Whom to call is typed in; who calls is answered by a button. With
 * `&via=relay` it calls by a relay, and can be woken when it is closed: `&call=…` is what its service worker hands over then.
 */
import { type Call, type IncomingCall, isSealMQError, Messenger, memoryStore } from 'sealmq';
import { optionsOf } from './options.js';

const element = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
const parameters = new URLSearchParams(location.search);
const options = optionsOf(parameters);
const note = parameters.get('call');
const WAYS = { direct: 'directly', turn: 'over a TURN server', mqtt: 'over the broker' };

element('name').textContent = options.address;
// Who is to be woken keeps the account where the service worker finds it.
const store = options.via === 'relay' ? {} : { store: memoryStore() };
const messenger = await Messenger.open({ ...options, ...store });
await messenger.register();
idle();

messenger.on('call', ring);
if (note) resume(note);
element('dial').onsubmit = (event) => {
  event.preventDefault();
  const to = element<HTMLInputElement>('whom').value.trim();
  show('state', `calling ${to} …`);
  element('dial').hidden = true;
  talk(messenger.call(to));
};
if (options.via === 'relay') offerToWake().catch(tellWhy);

/** The call that this page was opened for; a reload is not to ring again. */
function resume(handedOver: string): void {
  parameters.delete('call');
  history.replaceState(null, '', `?${parameters}`);
  messenger.wake(handedOver);
}

/** Who has agreed to be woken stays so; others are asked, by a button. */
async function offerToWake(): Promise<void> {
  const registration = await navigator.serviceWorker.getRegistration();
  const subscription = await registration?.pushManager.getSubscription();
  if (subscription) return messenger.updatePush(subscription);
  element('wake').hidden = false;
  element('wake').onclick = () => void letWake().catch(tellWhy);
}

/** Says where this browser can be woken when the page is closed. */
async function letWake(): Promise<void> {
  await navigator.serviceWorker.register(`service-worker.js?${parameters}`);
  const { pushManager } = await navigator.serviceWorker.ready;
  const applicationServerKey = await messenger.pushKey();
  await messenger.updatePush(await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }));
  element('wake').hidden = true;
  line('You can close this page now: a call wakes it.', 'note');
}

function tellWhy(error: unknown): void {
  line(`This browser cannot be woken: ${(error as Error).message}`, 'note');
}

function ring(incoming: IncomingCall): void {
  show('state', 'somebody calls');
  element('dial').hidden = true;
  element('ring').hidden = false;
  (element('ring').firstChild as HTMLElement).textContent = `${incoming.from.address} is calling`;
  element('accept').onclick = () => talk(incoming.accept());
  element('decline').onclick = () => void incoming.decline();
  void incoming.ended.then(idle);
}

/** From the moment that it stands to its end. */
async function talk(calling: Promise<Call>): Promise<void> {
  try {
    const call = await calling;
    element('ring').hidden = true;
    element('say').hidden = false;
    const tell = () => {
      show(
        'state',
        call.path ? `with ${call.peer.address}, end-to-end encrypted, ${WAYS[call.path]}` : 'looking for a way …',
      );
      element('state').toggleAttribute('data-path', call.path !== undefined);
    };
    tell();
    call.on('path', tell);
    const { digits } = await messenger.contacts.safetyNumber(call.peer.address);
    element('number').hidden = false;
    show('number', `Safety number ${digits}: compare it, and nobody is in between.`);
    element('say').onsubmit = (event) => {
      event.preventDefault();
      const input = element<HTMLInputElement>('text');
      void call.send(input.value);
      line(input.value, 'mine');
      input.value = '';
    };
    element('hang-up').onclick = () => void call.hangUp();
    for await (const { text } of call.messages()) line(text ?? '', 'theirs');
    await call.hangUp();
    const { by } = await call.ended;
    line(by === 'us' ? 'You hung up' : `${call.peer.address} hung up`, 'note');
  } catch (error) {
    if (!isSealMQError(error)) throw error;
    line(error.message, 'note');
  }
  idle();
}

function idle(): void {
  show('state', 'ready');
  element('state').removeAttribute('data-path');
  for (const id of ['ring', 'say', 'number']) element(id).hidden = true;
  element('dial').hidden = false;
}

function line(text: string, kind: 'mine' | 'theirs' | 'note'): void {
  const item = document.createElement('li');
  item.className = kind;
  item.textContent = text;
  element('talk').append(item);
  item.scrollIntoView();
}

function show(id: string, text: string): void {
  element(id).textContent = text;
}
