import type { Command } from 'commander';
import { present } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import { RELAY_ADDRESS } from '../../protocol/address.js';
import type { KeyProvider, Relay, RelayEvent } from '../../server/index.js';
import type { Output } from '../output.js';

/** What `sealmq serve` says about a relay. */
export interface ServeRelayOptions {
  /** `true`, or how the relay reaches the broker. */
  readonly relay?: true | string;
  readonly tlsCert?: string;
  readonly pushContact?: string;
  readonly pushHost?: string[];
}

/** The options of a relay. */
export function addServeRelay(command: Command): void {
  command
    .option('--relay [URL]', 'run a relay, too; with TLS, URL is the broker under the name in its certificate')
    .option('--push-contact <URI>', 'wake people who are called: mailto: or https: for push services to reach you at')
    .option('--push-host <HOST...>', 'hosts of push services, *.example for all below; default those of the browsers');
}

interface RelayParts {
  readonly directory: KeyProvider;
  readonly mqttUrl: string;
  readonly data?: string;
}

/** The relay, where one is asked for, with the directory of this process. */
export async function startRelay(
  output: Output,
  { relay, tlsCert, pushContact, pushHost }: ServeRelayOptions,
  { directory, mqttUrl, data }: RelayParts,
): Promise<Relay | undefined> {
  if (relay === undefined && pushContact !== undefined) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', '--push-contact needs --relay: it is the relay that wakes');
  }
  if (relay === undefined) return undefined;
  if (relay === true && tlsCert !== undefined) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', '--relay needs the URL of the broker when it is served with TLS');
  }
  const { createRelay, directoryOf } = await import('../../server/index.js');
  const { registered, checkInfoOk, admission } = directory;
  const log = (event: RelayEvent) => {
    if (event.type === 'dropped' || event.type === 'refused')
      output.detail(`relay: ${event.type} what it was told: ${event.reason}`);
    if (event.type === 'unwoken') output.detail(`relay: did not wake a device: ${event.reason}`);
    if (event.type === 'failed') output.note(`relay: ${String(event.error)}`);
  };
  const broker = relay === true ? mqttUrl : relay;
  const running = await createRelay({
    ...{ broker, directory: directoryOf(directory), registered, checkInfoOk, log },
    ...present({
      data,
      push: pushContact === undefined ? undefined : present({ contact: pushContact, hosts: pushHost }),
    }),
    ...present({ credentials: admission?.credentialsFor(RELAY_ADDRESS) }),
  });
  await directory.publishRelay(running.record);
  return running;
}
