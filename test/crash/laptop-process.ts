import { createInterface } from 'node:readline';
import { Messenger } from '../../src/client/messenger.js';
import { isSealMQError } from '../../src/errors.js';
import { readTask } from './task.js';

// The device with the identity key: answers the links that it is told, as if somebody compared the digits.
const { options } = readTask();
const say = (line: string) => process.stdout.write(`${line}\n`);
const messenger = await Messenger.open(options);
await messenger.register();
say('ready');
createInterface({ input: process.stdin }).on('line', async (text) => {
  try {
    const request = await messenger.devices.link(text);
    say(`digits ${request.digits}`);
    await request.confirm();
    say('confirmed');
  } catch (error) {
    say(`failed ${isSealMQError(error) ? error.code : error}`);
  }
});
