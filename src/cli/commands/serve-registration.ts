import { type Command, Option } from 'commander';
import { present } from '../../bytes/fields.js';
import { SealMQError } from '../../errors.js';
import type { RegistrationOptions } from '../../server/registration/options.js';

/** The options of `sealmq serve` about who may have an address. */
export interface ServeRegistrationOptions {
  readonly registration: 'open' | 'named' | 'anonymous';
  readonly smtp?: string;
  readonly mailFrom?: string;
  readonly smsWebhook?: string;
  readonly rebuildFilter?: true;
  readonly proxyHeader?: string;
}

/** Secrets come by environment: other users see the command line. */
const SMTP_PASSWORD = 'SEALMQ_SMTP_PASSWORD';
const SMS_TOKEN = 'SEALMQ_SMS_TOKEN';

/** Adds them. */
export function addServeRegistration(command: Command): void {
  command
    .addOption(
      new Option('--registration <MODE>', 'who may have an address: anybody, or by a code that is sent')
        .choices(['open', 'named', 'anonymous'])
        .default('open'),
    )
    .option('--smtp <URL>', `sends codes by e-mail: smtps://USER@HOST, or smtp:// (password: ${SMTP_PASSWORD})`)
    .option('--mail-from <ADDRESS>', 'the sender of these e-mails')
    .option('--sms-webhook <URL>', `is told which text messages to send (bearer token: ${SMS_TOKEN})`)
    .option('--rebuild-filter', 'with --registration anonymous: begin anew although the filter of ids is lost')
    .option('--proxy-header <NAME>', 'the header in which your own proxy states who asks, such as X-Forwarded-For');
}

/** How the directory registers people, as the options say. @throws `USAGE_INVALID_ARGUMENT` */
export async function registrationOf(options: ServeRegistrationOptions): Promise<RegistrationOptions | undefined> {
  const { registration: mode, smtp, mailFrom: from, smsWebhook, rebuildFilter } = options;
  const isAsked = smtp !== undefined || from !== undefined || smsWebhook !== undefined || rebuildFilter !== undefined;
  if (mode === 'open') {
    if (isAsked) throw usage('codes are sent with --registration named or anonymous');
    return undefined;
  }
  if ((smtp === undefined) !== (from === undefined)) throw usage('--smtp and --mail-from go together');
  if (smtp === undefined && smsWebhook === undefined)
    throw usage(`--registration ${mode} needs --smtp or --sms-webhook`);
  if (smtp !== undefined && URL.canParse(smtp) && new URL(smtp).password !== '') {
    throw usage(`a password on the command line is seen by others: set ${SMTP_PASSWORD}`);
  }
  const { smsWebhookSender, smtpSender } = await import('../../server/index.js');
  const [password, token] = [process.env[SMTP_PASSWORD] || undefined, process.env[SMS_TOKEN] || undefined];
  return present({
    mode,
    email: smtp !== undefined && from !== undefined ? smtpSender(present({ url: smtp, from, password })) : undefined,
    phone: smsWebhook === undefined ? undefined : smsWebhookSender(present({ url: smsWebhook, token })),
    filter: rebuildFilter && { rebuild: true },
  });
}

function usage(message: string): SealMQError {
  return new SealMQError('USAGE_INVALID_ARGUMENT', message);
}
