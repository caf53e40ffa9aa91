// A typed client of the playPromptOperation service. Its types are those of the service's own OpenAPI document.
import createFetchClient, { type Client } from 'openapi-fetch';
import { type Fetch, type Retries, withRetries } from './retries.ts';
import type { components, paths } from './schema.ts';

type Schemas = components['schemas'];
/** What may be said of an operation: what is left out stays, null clears. */
export type PlayPromptOperationPatch = Schemas['playPromptOperationPatch'];
/** An operation as it is stored; its ETag is `@odata.etag`. */
export type PlayPromptOperation = Schemas['playPromptOperation'];
/** An operation of a list, or what was selected of it. */
export type ListedPlayPromptOperation = Schemas['playPromptOperationCollection']['value'][number];
/** A property of an operation. */
export type PropertyName = 'id' | 'clientContext' | 'resultInfo' | 'status' | 'completionReason';
/** What a subscription is created from. */
export type NewSubscription = Schemas['newSubscription'];
/** What a subscription is renewed with: another expiration, another `notificationUrl`, or both. */
export type SubscriptionUpdate = Schemas['subscriptionUpdate'];
/** A subscription of the application whose access token it is. `clientState` is always null. */
export type Subscription = Schemas['subscriptionCollection']['value'][number];
export type GraphErrorBody = Schemas['graphError'];

export type { Fetch, Retries } from './retries.ts';

const OPERATIONS = '/v1.0/playPromptOperation';
const OPERATION = '/v1.0/playPromptOperation/{id}';
const SUBSCRIPTIONS = '/v1.0/subscriptions';
const SUBSCRIPTION = '/v1.0/subscriptions/{id}';

/** How often a change is made anew because the operation had changed meanwhile. */
const MAX_CHANGES = 10;

export interface ClientOptions extends Retries {
  /** Address of the service, such as `https://my-function-app.azurewebsites.net`. */
  readonly baseUrl: string;
  /** An access token for the service; asked for before each request, so it should be remembered until it expires. */
  readonly getToken: () => string | Promise<string>;
  /** How requests are sent, if not by the global `fetch`. */
  readonly fetch?: Fetch;
}

/** What an operation must be for a change of it to be made. Without `id` it is the one of the patch's id or context. */
export interface UpdateOptions {
  readonly id?: string;
  /** The ETag that it must still have. */
  readonly ifMatch?: string;
  /** `*`: it must not exist. */
  readonly ifNoneMatch?: string;
  readonly signal?: AbortSignal;
}

/** The service refused a request, or failed. */
export class PlayPromptError extends Error {
  override readonly name = 'PlayPromptError';
  /** The HTTP status. */
  readonly status: number;
  /** Such as `PreconditionFailed`; undefined where it was not the service that answered. */
  readonly code: string | undefined;
  /** Each fault of the request. */
  readonly details: NonNullable<GraphErrorBody['error']['details']>;
  /** Under which the service's log has it. */
  readonly requestId: string | null;

  constructor(response: Response, body: Partial<GraphErrorBody> | undefined) {
    super(body?.error?.message ?? `The service answered ${response.status}.`);
    this.status = response.status;
    this.code = body?.error?.code;
    this.details = body?.error?.details ?? [];
    this.requestId = response.headers.get('request-id');
  }
}

/** The operations of the tenant of the access token. Every method throws a PlayPromptError when it is refused. */
export class PlayPromptClient {
  /** All else that the service offers, typed by address: `http.POST('/v1.0/$batch', ...)`. */
  readonly http: Client<paths>;

  constructor({ baseUrl, getToken, fetch = globalThis.fetch, ...retries }: ClientOptions) {
    const send = withRetries((request) => fetch(request), retries);
    // OData separates the members of a list by commas.
    const querySerializer = { array: { style: 'form', explode: false } } as const;
    this.http = createFetchClient<paths>({ baseUrl, fetch: send, querySerializer });
    this.http.use({
      async onRequest({ request }) {
        request.headers.set('Authorization', `Bearer ${await getToken()}`);
      },
    });
  }

  /** Reads an operation; undefined where there is none. */
  async read(id: string, { signal }: { signal?: AbortSignal } = {}): Promise<PlayPromptOperation | undefined> {
    const answer = await this.http.GET(OPERATION, { params: { path: { id } }, ...(signal && { signal }) });
    if (answer.response.status === 404) return undefined;
    // Nothing was selected, so that everything is there.
    return dataOf(answer) as PlayPromptOperation;
  }

  /**
   * Updates an operation, which comes into being where there is none. The request is repeatable, so that it is done once
   * however often it has to be sent.
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
   * Changes an operation by what it is: reads it, asks what to change, and updates it if it is still as it was read;
   * otherwise begins anew.
   *
   * @param patchFor what to change, undefined for nothing; it may be asked several times
   * @returns the operation as it is then; undefined where there is none, or nothing was to be changed of none
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
        const isStale = error instanceof PlayPromptError && error.status === 412;
        if (!isStale || attempt === MAX_CHANGES) throw error;
      }
    }
  }

  /** Lists operations, page by page as they are asked for, in an order that never changes. */
  async *list({
    signal,
    ...query
  }: {
    /** OData, such as `status eq 'Failed'`. */
    filter?: string;
    /** Only these properties. */
    select?: PropertyName[];
    /** How many a page has at most, 1 to 999. */
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

  /** Deletes an operation, if it still has the ETag where one is given; false where there is none. */
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
   * Renews a subscription, or moves it to another receiver; undefined where there is none, or it has expired. Every change
   * that starts afterwards is notified.
   */
  async renew(
    id: string,
    update: SubscriptionUpdate,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<Subscription | undefined> {
    const rest = { body: update, ...(signal && { signal }) };
    const answer = await this.http.PATCH(SUBSCRIPTION, { params: { path: { id } }, ...rest });
    return answer.response.status === 404 ? undefined : dataOf(answer);
  }

  /** Ends a subscription; false where there is none. */
  async unsubscribe(id: string, { signal }: { signal?: AbortSignal } = {}): Promise<boolean> {
    return isDone(await this.http.DELETE(SUBSCRIPTION, { params: { path: { id } }, ...(signal && { signal }) }));
  }

  /** Reads a subscription; undefined where there is none. */
  async readSubscription(id: string, { signal }: { signal?: AbortSignal } = {}): Promise<Subscription | undefined> {
    const answer = await this.http.GET(SUBSCRIPTION, { params: { path: { id } }, ...(signal && { signal }) });
    return answer.response.status === 404 ? undefined : dataOf(answer);
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
function isDone({ error, response }: Answer<unknown>): boolean {
  if (response.status === 404) return false;
  if (!response.ok) throw new PlayPromptError(response, error);
  return true;
}
