import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { onTestFinished } from 'vitest';

/** An e-mail as it came over SMTP. */
export interface Mail {
  readonly from: string;
  readonly to: string;
  /** Headers and body, lines joined by LF. */
  readonly text: string;
  readonly secure: boolean;
}

/** A mail server on this machine. */
export interface MailServer {
  readonly port: number;
  /** The next mail to `address` that has not been read yet. */
  read(address: string): Promise<Mail>;
  readonly mails: readonly Mail[];
}

const fixture = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), 'utf8');

/** A certificate of this machine that is its own authority. */
export const tls = { cert: fixture('certificate.pem'), key: fixture('key.pem') };

/** A real SMTP server (package `smtp-server`) on a free port; it ends with the test. */
export async function startMailServer(options: SMTPServerOptions = {}): Promise<MailServer> {
  const mails: Mail[] = [];
  const unread: Mail[] = [];
  const readers: { address: string; take(mail: Mail): void }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        deliver({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo[0]?.address ?? '',
          text: Buffer.concat(chunks).toString('utf8').replaceAll('\r\n', '\n'),
          secure: session.secure,
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => {});

  function deliver(mail: Mail): void {
    mails.push(mail);
    const i = readers.findIndex(({ address }) => address === mail.to);
    if (i < 0) unread.push(mail);
    else readers.splice(i, 1)[0]?.take(mail);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    read(address) {
      const i = unread.findIndex(({ to }) => to === address);
      if (i >= 0) return Promise.resolve(unread.splice(i, 1)[0] as Mail);
      return new Promise((take) => readers.push({ address, take }));
    },
  };
}

/** The code in a mail. */
export function codeIn({ text }: Mail): string {
  const code = /^(\d{6,8}) is the code/m.exec(text)?.[1];
  if (code === undefined) throw new Error(`no code in ${text}`);
  return code;
}
