// A typed client of the playPromptOperation service. Its types are those of the service's own OpenAPI document.
import createFetchClient, { type Client, defaultPathSerializer, type Middleware } from 'openapi-fetch';
import { delay, type Fetch, pause, type Retries, withRetries } from './retries.ts';
import type { components, paths } from './schema.ts';

type Schemas = components['schemas'];
/** A change of an operation: a property that is left out keeps its value, null clears it. */
export type PlayPromptOperationPatch = Schemas['playPromptOperationPatch'];
/** An operation as it is stored; its ETag is `@odata.etag`. */
export type PlayPromptOperation = Schemas['playPromptOperation'];
/** An operation of a list, or its selected properties. */
export type ListedPlayPromptOperation = Schemas['playPromptOperationCollection']['value'][number];
/** A property of an operation. */
export type PropertyName = Exclude<Schemas['propertyName'], '*'>;
/** The properties of a new subscription. */
export type NewSubscription = Schemas['newSubscription'];
/** The changes of a renewal: a new expiration, a new `notificationUrl`, or both. */
export type SubscriptionUpdate = Schemas['subscriptionUpdate'];
/** A subscription of the application that the access token names. `clientState` is always null. */
export type Subscription = Schemas['subscriptionCollection']['value'][number];
export type GraphErrorBody = Schemas['graphError'];

export type { Fetch, Retries } from './retries.ts';

const OPERATIONS = '/v1.0/playPromptOperation';
const OPERATION = '/v1.0/playPromptOperation/{id}';
const SUBSCRIPTIONS = '/v1.0/subscriptions';
const SUBSCRIPTION = '/v1.0/subscriptions/{id}';

/** How often a change is attempted again because another caller changed the operation in the meantime. */
const MAX_CHANGES = 10;

export interface ClientOptions extends Retries {
  /** Address of the service, or of a gateway before it, such as `https://my-function-app.azurewebsites.net`. */
  readonly baseUrl: string;
  /** Returns an access token for the service. It is called before each attempt, so it should cache the token until it expires. */
  readonly getToken: () => string | Promise<string>;
  /** Sends requests; by default the global `fetch`. */
  readonly fetch?: Fetch;
}

/** How long `waitUntilEnded` waits by default, and the longest time that a timer of JavaScript takes, in milliseconds. */
const TEN_MINUTES_MS = 600_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Preconditions of a change. Without `id` the patch names the operation by its own id or clientContext. */
export interface UpdateOptions {
  readonly id?: string;
  /** The ETag that the operation must still have. */
  readonly ifMatch?: string;
  /** `*`: the operation must not exist. */
  readonly ifNoneMatch?: string;
  readonly signal?: AbortSignal;
}

/** The service rejected a request, or failed. */
export class PlayPromptError extends Error {
  override readonly name = 'PlayPromptError';
  /** The HTTP status. */
  readonly status: number;
  /** Such as `PreconditionFailed`; undefined when the response did not come from the service. */
  readonly code: string | undefined;
  /** The faults of the request, one by one. */
  readonly details: NonNullable<GraphErrorBody['error']['details']>;
  /** The id by which the service's log identifies the request. */
  readonly requestId: string | null;
  /** The operation as `change` or `waitUntilEnded` last read it. */
  operation?: PlayPromptOperation | undefined;

  constructor(response: Response, body: Partial<GraphErrorBody> | undefined) {
    super(body?.error?.message ?? `${response.url} answered ${response.status}, and not as the service does.`);
    this.status = response.status;
    this.code = body?.error?.code;
    this.details = body?.error?.details ?? [];
    this.requestId = response.headers.get('request-id');
  }
}

/** `waitUntilEnded` saw no end: the time is up, or the operation was deleted. */
export class NotEndedError extends Error {
  override readonly name = 'NotEndedError';
  readonly code: 'Timeout' | 'Deleted';
  /** The operation as it was last read; undefined if it did not exist. */
  readonly operation: PlayPromptOperation | undefined;

  constructor(id: string, code: NotEndedError['code'], operation: PlayPromptOperation | undefined) {
    const state = operation ? `its last status is ${operation.status}` : 'it does not exist';
    super(`Operation ${id} ${code === 'Deleted' ? 'was deleted' : 'has not ended'}: ${state}.`);
    this.code = code;
    this.operation = operation;
  }
}

/** The operations of the tenant of the access token. Every method throws a PlayPromptError when the service rejects it. */
export class PlayPromptClient {
  /** Everything else that the service offers, typed by URL: `http.POST('/v1.0/$batch', ...)`. */
  readonly http: Client<paths>;
  readonly #wait: NonNullable<Retries['wait']>;
  /** Retries until the request is aborted. */
  readonly #fetchPatiently: Fetch;

  /** @throws TypeError when `baseUrl` is not an address, or ends in `/v1.0` */
  constructor({ baseUrl, getToken, fetch = globalThis.fetch, ...retries }: ClientOptions) {
    if (!URL.canParse(baseUrl) || !/^https?:/i.test(baseUrl) || /[?#]|\/v1\.0\/*$/i.test(baseUrl)) {
      throw new TypeError(`baseUrl must be the http or https address of the service, without /v1.0; it is ${baseUrl}.`);
    }
    const fetchWith = (options: Retries) =>
      withRetries(
        (request) => fetch(request),
        options,
        async ({ headers }) => headers.set('Authorization', `Bearer ${await getToken()}`),
      );
    this.#wait = retries.wait ?? delay;
    this.#fetchPatiently = fetchWith({ ...retries, maxRetries: Number.POSITIVE_INFINITY });
    // OData separates the items of a list by commas.
    const querySerializer = { array: { style: 'form', explode: false } } as const;
    this.http = createFetchClient<paths>({ baseUrl, fetch: fetchWith(retries), querySerializer, pathSerializer });
    this.http.use(onlyJson);
  }

  /** Reads an operation; undefined if it does not exist. */
  async read(id: string, { signal }: { signal?: AbortSignal } = {}): Promise<PlayPromptOperation | undefined> {
    const answer = await this.http.GET(OPERATION, { params: { path: { id } }, ...(signal && { signal }) });
    // Without $select every property but the times is present.
    return isMissing(answer) ? undefined : (dataOf(answer) as PlayPromptOperation);
  }

  /**
   * Updates an operation, or creates it. The request is repeatable: it takes effect once, however often it is sent.
   */
  async update(
    patch: PlayPromptOperationPatch,
    { id, ifMatch, ifNoneMatch, signal }: UpdateOptions = {},
  ): Promise<PlayPromptOperation> {
    const header = {
      ...(ifMatch !== undefined && { 'If-Match': ifMatch }),
      ...(ifNoneMatch !== undefined && { 'If-None-Match': ifNoneMatch }),
      'Repeatability-Request-ID': crypto.randomUUID(),
      'Repeatability-First-Sent': new Date().toUTCString(),
    };
    const rest = { body: patch, ...(signal && { signal }) };
    const answer: Answer<PlayPromptOperation> =
      id === undefined
        ? await this.http.PATCH(OPERATIONS, { params: { header }, ...rest })
        : await this.http.PATCH(OPERATION, { params: { path: { id }, header }, ...rest });
    return dataOf<PlayPromptOperation>(answer);
  }

  /**
   * Changes an operation depending on its current state: reads it, calls `patchFor`, and updates it unless another caller
   * changed it in the meantime; then it starts over. The error of a change that is rejected has the operation.
   *
   * @param patchFor returns the change, or undefined for none; it may be called several times
   * @returns the operation afterwards; undefined if it does not exist and was not created
   */
  async change(
    id: string,
    patchFor: (current: PlayPromptOperation | undefined) => PlayPromptOperationPatch | undefined,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<PlayPromptOperation | undefined> {
    for (let attempt = 1; ; attempt++) {
      const current = await this.read(id, { ...(signal && { signal }) });
      const patch = patchFor(current);
      if (!patch) return current;
      const precondition = current ? { ifMatch: current['@odata.etag'] } : { ifNoneMatch: '*' };
      try {
        return await this.update(patch, { id, ...precondition, ...(signal && { signal }) });
      } catch (error) {
        if (error instanceof PlayPromptError) error.operation = current;
        const isStale = error instanceof PlayPromptError && error.status === 412;
        if (!isStale || attempt === MAX_CHANGES) throw error;
      }
    }
  }

  /**
   * Waits until an operation is `Completed` or `Failed`, also if it does not exist yet, without a public address: reads it
   * after growing pauses, and its body only if it has changed. After its first response, the service may be unavailable in
   * between.
   *
   * @param timeout in milliseconds; 10 minutes by default
   * @throws NotEndedError after the timeout, or when the operation is deleted; the reason of the signal when it is aborted
   */
  async waitUntilEnded(
    id: string,
    { signal, timeout = TEN_MINUTES_MS }: { signal?: AbortSignal; timeout?: number } = {},
  ): Promise<PlayPromptOperation> {
    let last: PlayPromptOperation | undefined;
    const timer = new AbortController();
    const late = new AbortController();
    this.#wait(Math.min(timeout, LONGEST_TIMER_MS), timer.signal).then(
      () => late.abort(new NotEndedError(id, 'Timeout', last)),
      () => {},
    );
    const stop = AbortSignal.any([late.signal, ...(signal ? [signal] : [])]);
    try {
      for (let poll = 0; ; poll++) {
        const header = { ...(last && { 'If-None-Match': last['@odata.etag'] }) };
        const fetch = poll === 0 ? undefined : this.#fetchPatiently;
        const answer = await this.http.GET(OPERATION, {
          params: { path: { id }, header },
          signal: stop,
          ...(fetch && { fetch }),
        });
        const isUnknown = isMissing(answer);
        if (isUnknown && last) throw new NotEndedError(id, 'Deleted', last);
        if (!isUnknown && answer.response.status !== 304) last = dataOf(answer) as PlayPromptOperation;
        if (last?.status === 'Completed' || last?.status === 'Failed') return last;
        stop.throwIfAborted();
        await this.#wait(pause(poll, answer.response.headers.get('retry-after')), stop);
      }
    } catch (error) {
      stop.throwIfAborted();
      if (error instanceof PlayPromptError) error.operation = last;
      throw error;
    } finally {
      timer.abort();
    }
  }

  /** Lists operations in a stable order. Pages are requested as they are needed. */
  async *list({
    signal,
    ...query
  }: {
    /** An OData filter, such as `status eq 'Failed'`. */
    filter?: string;
    /** Only these properties. */
    select?: PropertyName[];
    /** The largest number of operations of a page, 1 to 999. */
    top?: number;
    signal?: AbortSignal;
  } = {}): AsyncGenerator<ListedPlayPromptOperation> {
    const { filter, select, top } = query;
    const options = {
      ...(filter !== undefined && { $filter: filter }),
      ...(select !== undefined && { $select: select }),
      ...(top !== undefined && { $top: top }),
    };
    for (let skiptoken: string | null | undefined; skiptoken !== null; ) {
      const page = dataOf(
        await this.http.GET(OPERATIONS, {
          params: { query: { ...options, ...(skiptoken !== undefined && { $skiptoken: skiptoken }) } },
          ...(signal && { signal }),
        }),
      );
      yield* page.value;
      const next = page['@odata.nextLink'];
      skiptoken = next === undefined ? null : new URL(next).searchParams.get('$skiptoken');
    }
  }

  /**
   * Deletes an operation, if `ifMatch` is still its ETag; false if it does not exist: also when an attempt whose response was
   * lost has deleted it.
   */
  async delete(id: string, { ifMatch, signal }: { ifMatch?: string; signal?: AbortSignal } = {}): Promise<boolean> {
    const header = { ...(ifMatch !== undefined && { 'If-Match': ifMatch }) };
    const answer = await this.http.DELETE(OPERATION, { params: { path: { id }, header }, ...(signal && { signal }) });
    return isDone(answer);
  }

  /**
   * Subscribes to changes of operations. It takes about three seconds; every change that starts afterwards is notified.
   *
   * The request is not repeatable: sent twice, it creates two subscriptions, each with notifications of its own. So it is
   * sent again only after a 429, which does nothing. After any other failure the subscription may exist: look for it with
   * `listSubscriptions`, and `renew` it, before you subscribe again.
   */
  async subscribe(subscription: NewSubscription, { signal }: { signal?: AbortSignal } = {}): Promise<Subscription> {
    return dataOf(await this.http.POST(SUBSCRIPTIONS, { body: subscription, ...(signal && { signal }) }));
  }

  /**
   * Renews a subscription, or moves it to another receiver; undefined if it does not exist or has expired. Every change
   * that starts afterwards is notified.
   */
  async renew(
    id: string,
    update: SubscriptionUpdate,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<Subscription | undefined> {
    const rest = { body: update, ...(signal && { signal }) };
    const answer = await this.http.PATCH(SUBSCRIPTION, { params: { path: { id } }, ...rest });
    return isMissing(answer) ? undefined : dataOf(answer);
  }

  /** Deletes a subscription; false if it does not exist, as for `delete`. */
  async unsubscribe(id: string, { signal }: { signal?: AbortSignal } = {}): Promise<boolean> {
    return isDone(await this.http.DELETE(SUBSCRIPTION, { params: { path: { id } }, ...(signal && { signal }) }));
  }

  /** Reads a subscription; undefined if it does not exist. */
  async readSubscription(id: string, { signal }: { signal?: AbortSignal } = {}): Promise<Subscription | undefined> {
    const answer = await this.http.GET(SUBSCRIPTION, { params: { path: { id } }, ...(signal && { signal }) });
    return isMissing(answer) ? undefined : dataOf(answer);
  }

  /** Lists the subscriptions of the application that have not expired, at most 100. */
  async listSubscriptions({ signal }: { signal?: AbortSignal } = {}): Promise<Subscription[]> {
    return dataOf(await this.http.GET(SUBSCRIPTIONS, { ...(signal && { signal }) })).value;
  }
}

interface Answer<Value> {
  readonly data?: Value | undefined;
  readonly error?: GraphErrorBody | undefined;
  readonly response: Response;
}

function dataOf<Value>({ data, error, response }: Answer<Value>): Value {
  if (data === undefined) throw new PlayPromptError(response, error);
  return data;
}

/** Whether there was something to delete. */
function isDone(answer: Answer<unknown>): boolean {
  if (isMissing(answer)) return false;
  if (!answer.response.ok) throw new PlayPromptError(answer.response, answer.error);
  return true;
}

/** Whether the service has nothing with this id. A 404 of another server, or of a URL that is not served, says nothing. */
function isMissing({ error, response }: Answer<unknown>): boolean {
  const isOfService = response.status === 404 && error?.error?.code === 'ResourceNotFound';
  return isOfService && !error.error.details?.some(({ code }) => code === 'UnknownUrl');
}

/** @throws TypeError for an id that would change the path of a URL */
function pathSerializer(template: string, parameters: Record<string, unknown>): string {
  for (const id of Object.values(parameters)) {
    if (/^\.{0,2}$/.test(String(id))) throw new TypeError(`${JSON.stringify(id)} is not an id.`);
  }
  return defaultPathSerializer(template, parameters);
}

const onlyJson: Middleware = {
  onResponse({ response, options: { parseAs } }) {
    const { ok, status, url, headers } = response;
    const isJson = headers.get('content-type')?.startsWith('application/json');
    if (ok && status !== 204 && parseAs === 'json' && !isJson) {
      throw new TypeError(`${url} answered with something else than JSON: is baseUrl the address of the service?`);
    }
  },
};
