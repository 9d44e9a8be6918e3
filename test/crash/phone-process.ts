import { Messenger } from '../../src/client/messenger.js';
import { isSealMQError } from '../../src/errors.js';
import { readTask } from './task.js';

// A new device: shows its link, or goes on as the device that it is by now.
const { options } = readTask();
const say = (line: string) => process.stdout.write(`${line}\n`);
const messenger = await linked().catch((error) => {
  if (isSealMQError(error, 'USAGE_INVALID_ARGUMENT')) return Messenger.open(options);
  throw error;
});
messenger.on('message', ({ text }) => {
  say(`heard ${text}`);
});
say(`linked ${messenger.deviceId}`);

async function linked(): Promise<Messenger> {
  const linking = await Messenger.link(options);
  say(`link ${linking.link}`);
  say(`digits ${await linking.digits}`);
  return linking.linked;
}
