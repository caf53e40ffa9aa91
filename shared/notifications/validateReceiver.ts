import { parseMediaType } from '../http/headers.ts';
import { ServiceError } from '../serviceError.ts';
import { ReceiverError, type Receivers } from './receiver.ts';
import type { Owner } from './subscription.ts';

/** How many receivers are validated at the same time. */
const CONCURRENT = { perTenant: 20, perApplication: 10 };

/**
 * Checks that the receiver at a URL expects notifications: it returns the decoded `validationToken` of a request, as
 * plain text. Microsoft Graph, "notificationUrl validation".
 *
 * @throws ServiceError `validationFailed` that says what was returned instead, but nothing of its content, or
 * `tooManyRequests` when too many are validated now
 */
export type ValidateReceiver = (owner: Pick<Owner, 'tenant' | 'applicationId'>, url: string) => Promise<void>;

export function createValidateReceiver({
  receivers,
}: {
  readonly receivers: Pick<Receivers, 'validate'>;
}): ValidateReceiver {
  /** How many run, by the JSON of a tenant, or of a tenant and an application. */
  const running = new Map<string, number>();

  return async ({ tenant, applicationId }, url) => {
    const limits = [
      { key: JSON.stringify([tenant]), most: CONCURRENT.perTenant },
      { key: JSON.stringify([tenant, applicationId]), most: CONCURRENT.perApplication },
    ];
    if (limits.some(({ key, most }) => (running.get(key) ?? 0) >= most)) throw tooMany();
    for (const { key } of limits) running.set(key, (running.get(key) ?? 0) + 1);
    try {
      await validate(tenant, url);
    } finally {
      for (const { key } of limits) {
        const others = (running.get(key) ?? 0) - 1;
        if (others > 0) running.set(key, others);
        else running.delete(key);
      }
    }
  };

  async function validate(tenant: string, url: string) {
    // The spaces prove that the receiver decodes it.
    const token = `Validation of a subscription ${crypto.randomUUID()}`;
    const query = `validationToken=${encodeURIComponent(token)}`;
    const separator = new URL(url).search === '' ? '?' : '&';
    const found = await receivers.validate(tenant, `${url.replace(/\?$/, '')}${separator}${query}`).then(
      ({ status, headers, body }) => fault(status, headers['content-type'], body === token),
      (error: unknown) => {
        if (!(error instanceof ReceiverError)) throw error;
        if (error.failure === 'busy') throw tooMany();
        return failures[error.failure];
      },
    );
    if (found === undefined) return;
    throw new ServiceError(
      'validationFailed',
      `The receiver must return the decoded validationToken with status 200 and Content-Type text/plain within 10 seconds; ${found}.`,
    );
  }
}

const tooMany = () =>
  new ServiceError('tooManyRequests', 'Too many receivers are validated at the same time. Try again in a second.');

const failures: Readonly<Record<Exclude<ReceiverError['failure'], 'busy'>, string>> = {
  'refused address': 'its host resolves to an address that notifications may not go to',
  timeout: 'it did not respond in time',
  unreachable: 'it could not be reached',
};

function fault(status: number, contentType: string | undefined, isToken: boolean): string | undefined {
  if (status !== 200) return `it returned status ${status}`;
  if (parseMediaType(contentType ?? '')?.essence !== 'text/plain') return 'it returned another Content-Type';
  return isToken ? undefined : 'it returned another body';
}
