import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { smsWebhookSender, smtpSender } from '../../src/server/index.js';
import { codeOf, START } from '../directory/fixtures.js';
import { codeIn, startMailServer, tls } from './mail-server.js';
import { applicant, startService } from './service.js';

const FROM = 'directory@example.org';
const message = { to: 'alice@example.org', code: '01234567', expiresAt: START, text: '01234567 is the code\n' };

describe('e-mail', () => {
  it('brings a real code through a real server, and the code registers', async () => {
    const mails = await startMailServer();
    const email = smtpSender({ url: `smtp://127.0.0.1:${mails.port}`, from: FROM });
    const service = await startService({ email });
    const { request } = await applicant('alice', { email: 'Alice@example.org' }, START);
    const id = await service.start(request);
    const mail = await mails.read('Alice@example.org');
    expect(mail.from).toBe(FROM);
    expect(mail.text).toMatch(/^Subject: \d{8} is your SealMQ code$/m);
    expect(mail.text).toMatch(/^Auto-Submitted: auto-generated$/m);
    expect((await service.answer(id, codeIn(mail))).status).toBe(200);
    expect(await service.server.registered('alice')).toBe(true);
  });

  it('goes over TLS, from the start or by STARTTLS, to who has the right certificate', async () => {
    for (const secure of [true, false]) {
      const mails = await startMailServer({ ...tls, secure, disabledCommands: secure ? ['STARTTLS'] : [] });
      const url = `${secure ? 'smtps' : 'smtp'}://localhost:${mails.port}`;
      const sender = smtpSender({ url, from: FROM, ca: tls.cert });
      await sender.send(message);
      expect(await mails.read(message.to)).toMatchObject({ secure: true });
      await sender.close();
      const distrustful = smtpSender({ url, from: FROM });
      await expect(distrustful.send(message)).rejects.toThrow(/certificate/);
      await distrustful.close();
    }
  });

  it('logs in with the password, which may come apart from the URL', async () => {
    const seen: unknown[] = [];
    const mails = await startMailServer({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth({ username, password }, _session, done) {
        seen.push([username, password]);
        done(null, { user: username });
      },
    });
    const sender = smtpSender({ url: `smtp://u%40x@127.0.0.1:${mails.port}`, from: FROM, password: 'secret' });
    await sender.send(message);
    expect(seen).toEqual([['u@x', 'secret']]);
    await sender.close();
  });

  it('that is refused is the operator’s to know, and makes no difference to who asked', async () => {
    const mails = await startMailServer({ onRcptTo: (_address, _session, done) => done(new Error('no such mailbox')) });
    const service = await startService({ email: smtpSender({ url: `smtp://127.0.0.1:${mails.port}`, from: FROM }) });
    const { request } = await applicant('alice', { email: 'nobody@example.org' }, START);
    await service.start(request);
    await expect.poll(() => service.failures.length).toBe(1);
    expect(String(service.failures[0])).toMatch(/no such mailbox/);
    expect(String(service.failures[0])).not.toMatch(/\d{8}/);
  });

  it.each([
    ['http://127.0.0.1', FROM],
    ['nonsense', FROM],
    ['smtp://127.0.0.1', 'directory@example.org\r\nBcc: all@example.org'],
  ])('does not begin with %s and %j', async (url, from) => {
    expect(await codeOf((async () => smtpSender({ url, from }))())).toBe('USAGE_INVALID_ARGUMENT');
  });
});

describe('a text message', () => {
  /** A web service that takes text messages, and answers with `status`. */
  async function smsService(status: number) {
    const seen: { headers: IncomingMessage['headers']; method: string | undefined; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        seen.push({ headers: request.headers, method: request.method, body });
        response.writeHead(status, { Location: '/elsewhere' }).end('done');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sms`, seen };
  }

  it('goes as the documented JSON to the service of the operator', async () => {
    const { url, seen } = await smsService(202);
    const sender = smsWebhookSender({ url, token: 'secret' });
    await sender.send({ ...message, to: '+4915112345678' });
    await sender.close();
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: 'POST', headers: { authorization: 'Bearer secret' } });
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      to: '+4915112345678',
      code: '01234567',
      text: '01234567 is the code\n',
      expiresAt: new Date(START * 1000).toISOString(),
    });
  });

  it.each([302, 400, 500])('that is answered with %i was not taken on', async (status) => {
    const { url, seen } = await smsService(status);
    const sender = smsWebhookSender({ url });
    expect(await codeOf(sender.send(message))).toBe('TRANSPORT_REFUSED');
    await sender.close();
    expect(seen).toHaveLength(1);
  });

  it('does not go in clear to another machine', async () => {
    for (const url of ['http://sms.example', 'ftp://127.0.0.1', 'nonsense']) {
      expect(await codeOf((async () => smsWebhookSender({ url }))())).toBe('USAGE_INVALID_ARGUMENT');
    }
  });
});
