import { createBroker } from '../../src/server/broker/broker.js';

// Run as a process of its own, so that it can be killed: prints its URL and stays.
const [, , data = '', port = '0'] = process.argv;
const broker = await createBroker({ data, mqtt: Number(port) });
process.stdout.write(`${broker.mqttUrl}\n`);
