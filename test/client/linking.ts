import { memoryStore } from '../../src/adapters/store/memory-store.js';
import { Messenger } from '../../src/client/messenger.js';
import type { LinkDeviceOptions } from '../../src/client/options.js';
import { closing, type World } from './world.js';

/** A store in memory that survives `close`, as a disk would. */
export const lasting = () => ({ ...memoryStore(), close: async () => {} });

/** A new device of `address` that shows a link. */
export async function showLink(world: World, address: string, options: Partial<LinkDeviceOptions> = {}) {
  const base = { address, broker: world.brokerUrl, directory: world.directory.url, store: memoryStore() };
  const linking = await Messenger.link({ ...base, ...options });
  closing(() => linking.cancel());
  return linking;
}

/** Another device of the account of `primary`, linked. */
export async function linkTo(
  world: World,
  primary: Messenger,
  options: Partial<LinkDeviceOptions> = {},
): Promise<Messenger> {
  const linking = await showLink(world, primary.address, options);
  await (await primary.devices.link(linking.link)).confirm();
  return linking.linked;
}
