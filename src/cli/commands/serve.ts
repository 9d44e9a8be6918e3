import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { isLoopback } from '../../adapters/http/loopback.js';
import { present } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import type { BrokerEvent } from '../../server/broker/broker.js';
import { readGivenFile } from '../files.js';
import { aborted } from '../interruption.js';
import { addExamples, parsePort } from '../options.js';
import type { Output } from '../output.js';
import type { Program } from '../session.js';
import { addServeRegistration, registrationOf, type ServeRegistrationOptions } from './serve-registration.js';
import { addServeRelay, type ServeRelayOptions, startRelay } from './serve-relay.js';

interface ServeOptions extends ServeRegistrationOptions, ServeRelayOptions {
  readonly mqtt: number;
  readonly ws: number;
  readonly http: number;
  readonly host: string;
  readonly data?: string;
  readonly tlsKey?: string;
  readonly allowInsecure?: true;
  readonly open?: true;
  readonly admission?: true;
  readonly json?: true;
}

/** `sealmq serve` */
export function addServe(root: Command, program: Program): void {
  const command = root
    .command('serve')
    .description('run an MQTT broker and a key directory in one process')
    .addOption(new Option('--mqtt <PORT>', 'MQTT over TCP; 0 takes any free port').default(1883).argParser(parsePort))
    .addOption(new Option('--ws <PORT>', 'MQTT over WebSocket').default(8083).argParser(parsePort))
    .addOption(new Option('--http <PORT>', 'key directory').default(8080).argParser(parsePort))
    .option('--host <HOST>', 'address to listen on', '127.0.0.1')
    .option('--data <FOLDER>', 'keep sessions, mail and keys here; without it they end with the process')
    .option('--tls-cert <FILE>', 'certificate chain (PEM), for all three')
    .option('--tls-key <FILE>', 'its private key (PEM)')
    .option('--allow-insecure', 'serve other machines without TLS: only behind something that ends TLS')
    .option('--admission', 'the broker takes registered devices only, by token; default off loopback')
    .option('--open', 'the broker takes anybody, for any topic; default on loopback, where one may try things out')
    .option('--json', 'print the addresses as one JSON object')
    .option('--verbose', 'log refusals and failures to standard error')
    .action((options: ServeOptions) => serve(program, options));
  addServeRelay(command);
  addServeRegistration(command);
  addExamples(
    command,
    'sealmq serve',
    'sealmq serve --data ./sealmq-data',
    'sealmq serve --admission',
    'sealmq serve --host 0.0.0.0 --tls-cert fullchain.pem --tls-key key.pem --data /var/lib/sealmq',
    'sealmq serve --registration named --smtp smtps://keys@mail.example --mail-from keys@example.org --data ./sealmq-data',
  );
}

async function serve({ output, signal }: Program, options: ServeOptions): Promise<void> {
  // The other commands need not wait until a broker is loaded.
  const { admissionRules, createBroker, createKeyProvider } = await import('../../server/index.js');
  const { host, data, mqtt, ws, http, allowInsecure } = options;
  const common = present({ host, allowInsecure, tls: await readTls(options) });
  const folder = (name: string) => present({ data: data === undefined ? undefined : join(data, name) });
  const log = (event: BrokerEvent) => logEvent(output, event);
  const onError = (error: unknown) => output.detail(`directory: ${String(error)}`);
  const { proxyHeader: clientHeader } = options;
  const registration = await registrationOf(options);

  const admission = takesTokens(options);
  const directory = await createKeyProvider({
    ...{ ...common, ...folder('directory'), port: http, admission, onError },
    ...present({ registration, limits: clientHeader === undefined ? undefined : { clientHeader } }),
  });
  try {
    const rules = directory.admission && admissionRules(directory.admission);
    const broker = await createBroker({ ...common, ...folder('broker'), ...rules, mqtt, ws, log });
    try {
      const { mqttUrl = '', wsUrl = '' } = broker;
      const { thumbprint } = directory.directoryKey;
      const relay = await startRelay(output, options, { directory, mqttUrl, ...folder('relay') });
      try {
        const addresses = { mqtt: mqttUrl, ws: wsUrl, http: directory.url, directoryKey: thumbprint };
        await announce(output, { ...addresses, admission: admission ? 'token' : 'open' }, options);
        await aborted(signal);
        output.detail('closing');
      } finally {
        await relay?.close();
      }
    } finally {
      await broker.close();
    }
  } finally {
    await directory.close();
  }
}

/** Only programs of this machine come to loopback; everywhere else whoever comes should be known. */
function takesTokens({ host, open, admission }: ServeOptions): boolean {
  if (open && admission)
    throw new SealMQError('USAGE_INVALID_ARGUMENT', '--open and --admission contradict each other');
  return admission === true || (!open && !isLoopback(host));
}

interface Addresses {
  readonly mqtt: string;
  readonly ws: string;
  readonly http: string;
  readonly directoryKey: string;
  readonly admission: 'open' | 'token';
}

async function announce(output: Output, addresses: Addresses, { json }: ServeOptions): Promise<void> {
  if (json) return output.json(addresses);
  const { mqtt, ws, http, directoryKey, admission } = addresses;
  await output.line(`broker         ${mqtt}`);
  await output.line(`               ${ws}`);
  await output.line(`directory      ${http}`);
  await output.line(`directory key  ${directoryKey}`);
  await output.line(
    `admission      ${admission === 'token' ? 'registered devices, by token' : 'open: anybody, for any topic'}`,
  );
}

/** Client ids stay out of the log: who knows one can take over its session. */
function logEvent(output: Output, event: BrokerEvent): void {
  if (event.type === 'publish-denied') output.detail(`broker: denied to publish ${event.topic}`);
  if (event.type === 'subscription-denied') output.detail(`broker: denied to subscribe ${event.filter}`);
  if (event.type === 'connection-denied') output.detail('broker: denied a connection');
  if (event.type === 'connection-failed') output.detail(`broker: a connection failed: ${event.reason}`);
  if (event.type === 'storage-failed') output.note(`broker: the data folder failed: ${String(event.error)}`);
}

async function readTls({ tlsCert, tlsKey }: ServeOptions): Promise<{ cert: string; key: string } | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new SealMQError('USAGE_INVALID_ARGUMENT', '--tls-cert and --tls-key go together');
  }
  return { cert: await readPem(tlsCert), key: await readPem(tlsKey) };
}

async function readPem(path: string): Promise<string> {
  return new TextDecoder().decode(await readGivenFile(path));
}
