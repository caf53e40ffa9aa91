import { parseMediaType } from '../http/headers.ts';
import { ServiceError } from '../serviceError.ts';
import { RESPONSE_DEADLINE_MS, ReceiverError, type Receivers } from './receiver.ts';

/**
 * Checks that the receiver at a URL expects notifications: it returns the decoded `validationToken` of a request, as
 * plain text. Microsoft Graph, "notificationUrl validation".
 *
 * @throws ServiceError `validationFailed` that says what was returned instead, but nothing of its content
 */
export type ValidateReceiver = (url: string) => Promise<void>;

export function createValidateReceiver({
  receivers,
  now = Date.now,
}: {
  readonly receivers: Pick<Receivers, 'post'>;
  readonly now?: (() => number) | undefined;
}): ValidateReceiver {
  return async (url) => {
    // The spaces prove that the receiver decodes it.
    const token = `Validation of a subscription ${crypto.randomUUID()}`;
    const query = `validationToken=${encodeURIComponent(token)}`;
    const separator = new URL(url).search === '' ? '?' : '&';
    const options = { readsBody: true, startBy: now() + RESPONSE_DEADLINE_MS };
    const found = await receivers.post(`${url.replace(/\?$/, '')}${separator}${query}`, '', options).then(
      ({ status, headers, body }) => fault(status, headers['content-type'], body === token),
      (error: unknown) => {
        if (error instanceof ReceiverError) return failures[error.failure];
        throw error;
      },
    );
    if (found === undefined) return;
    throw new ServiceError(
      'validationFailed',
      `The receiver must return the decoded validationToken with status 200 and Content-Type text/plain within 10 seconds; ${found}.`,
    );
  };
}

const failures: Readonly<Record<ReceiverError['failure'], string>> = {
  busy: 'too many requests to it are waiting',
  'refused address': 'its host resolves to an address that notifications may not go to',
  timeout: 'it did not respond in time',
  unreachable: 'it could not be reached',
};

function fault(status: number, contentType: string | undefined, isToken: boolean): string | undefined {
  if (status !== 200) return `it returned status ${status}`;
  if (parseMediaType(contentType ?? '')?.essence !== 'text/plain') return 'it returned another Content-Type';
  return isToken ? undefined : 'it returned another body';
}
