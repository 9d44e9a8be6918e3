import { type Command, InvalidArgumentError, Option } from 'commander';
import { present } from '../bytes/fields.js';
import type { CallOptions } from '../client/call/settings.js';
import { SealMQError } from '../errors.js';
import type { IceServer, Rtc } from '../ports/rtc.js';
import { iceCredential } from './secrets.js';
import type { Program } from './session.js';
import type { OptionValues } from './settings.js';

/** What `call` and `answer` have in common. */
export interface CallCommandOptions extends OptionValues {
  readonly register?: true;
  readonly input: boolean;
  readonly timeout?: number;
  readonly mqttOnly?: true;
  readonly relayOnly?: true;
  readonly iceServer?: readonly string[];
  readonly iceUsername?: string;
  readonly iceCredentialFile?: string;
  readonly stack?: StackName;
}

/** The WebRTC stacks of Node, the faster one first. Each is a package that may not be installed. */
const STACKS = {
  'node-datachannel': async () => (await import('../adapters/rtc/node-datachannel.js')).nodeDataChannelRtc(),
  werift: async () => (await import('../adapters/rtc/werift.js')).weriftRtc(),
} as const satisfies Record<string, () => Promise<Rtc>>;

type StackName = keyof typeof STACKS;
const STACK_NAMES = Object.keys(STACKS) as StackName[];

/** Adds the options of a call. */
export function addCallOptions(command: Command): Command {
  const way = (option: Option) => command.addOption(option.helpGroup('Way:'));
  command
    .option('--no-input', 'send nothing: leave standard input alone')
    .option('--register', 'register first, if you have not yet');
  way(new Option('--mqtt-only', 'over the broker alone').conflicts(['relayOnly', 'stack', 'iceServer']));
  way(new Option('--relay-only', 'over TURN (or the broker): the other side does not learn your network address'));
  way(
    new Option(
      '--ice-server <URL>',
      'stun:HOST, turn:HOST[:PORT][?transport=tcp], turns:HOST; may be repeated',
    ).argParser(addIceUrl),
  );
  way(new Option('--ice-username <NAME>', 'for the TURN servers'));
  way(new Option('--ice-credential-file <FILE>', 'the password that goes with it (or SEALMQ_ICE_CREDENTIAL)'));
  way(new Option('--stack <NAME>', 'the WebRTC stack (default: the first that is installed)').choices(STACK_NAMES));
  return command;
}

function addIceUrl(url: string, before: readonly string[] = []): readonly string[] {
  if (/^(stun|turns?):[^\s/]+$/.test(url)) return [...before, url];
  throw new InvalidArgumentError('It begins with stun:, turn: or turns:.');
}

/** What the messenger is opened with. @throws `USAGE_INVALID_ARGUMENT` */
export async function callOptionsOf(program: Program, options: CallCommandOptions): Promise<CallOptions> {
  const iceServers = await iceServersOf(options);
  if (options.relayOnly && !iceServers.some(({ urls }) => String(urls).startsWith('turn'))) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', '--relay-only needs a TURN server: --ice-server turn:HOST');
  }
  if (options.mqttOnly) return { rtc: false };
  const rtc = await stackOf(program, options.stack);
  return { rtc, iceServers, policy: options.relayOnly ? 'relay' : 'all' };
}

async function iceServersOf({
  iceServer = [],
  iceUsername,
  iceCredentialFile,
}: CallCommandOptions): Promise<IceServer[]> {
  const credential = await iceCredential(iceCredentialFile);
  return iceServer.map((urls) => ({
    urls,
    ...(urls.startsWith('turn') && present({ username: iceUsername, credential })),
  }));
}

/** The stack that is wanted, or the first that there is; `false` where there is none. */
async function stackOf({ output }: Program, wanted: StackName | undefined): Promise<Rtc | false> {
  for (const name of wanted ? [wanted] : STACK_NAMES) {
    try {
      return await STACKS[name]();
    } catch (cause) {
      if (wanted)
        throw new SealMQError('USAGE_INVALID_ARGUMENT', `${name} is not to be had: npm install ${name}`, cause);
      output.detail(`no ${name} here`);
    }
  }
  output.note(`no WebRTC stack is installed (npm install ${STACK_NAMES[0]}): the call goes over the broker`);
  return false;
}
