// Requests to receivers of notifications.
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import QuickLRU from 'quick-lru';
import { withDeadline } from '../bounds.ts';
import { VERSION } from '../tracing.ts';
import type { Clock } from './clock.ts';
import { createPlaces, type Receiver } from './places.ts';
import { isAllowedAddress, type ReceiverHosts, refusedUrl } from './receiverPolicy.ts';
import { createResolveName, type ResolveName } from './resolveName.ts';

/** How long a receiver may take to respond. */
export const RESPONSE_DEADLINE_MS = 10_000;

/** How much of the body of a response is read, in bytes, and for how long if it does not matter. */
const MAX_RECEIVER_RESPONSE_BYTES = 4096;
const DISCARD_MS = 100;

/** The largest head of a response, in bytes: the status lines and headers of its informational responses too. */
const MAX_HEAD_BYTES = 16 * 1024;

/** The most bytes of a status line without its reason. */
const STATUS_LINE_BYTES = 'HTTP/1.1 200 \r\n\r\n'.length;

/** How many requests to one receiver run concurrently: one more after each prompt response, and one after any other. */
const CONCURRENT_PER_RECEIVER = 16;

/** A response that takes longer is slow, in milliseconds. */
const SLOW_MS = 1000;

/** The number of receivers for each tenant, at least, whose last responses are remembered. */
const REMEMBERED = 200;

const USER_AGENT = `playPromptOperation/${VERSION}`;
const withType = ({ body, headers }: OutgoingMessage): OutgoingMessage => ({
  body,
  headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
});

/** What a receiver responded. */
export interface ReceiverResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** The first 4,096 bytes of the body of a validation; empty otherwise. */
  readonly body: string;
}

/** Why a request got no response. `busy`: it was not sent, since it got no place in time. */
export type ReceiverFailure = 'busy' | 'refused address' | 'timeout' | 'unreachable';

/** A request that got no response. */
export class ReceiverError extends Error {
  override readonly name = 'ReceiverError';
  readonly failure: ReceiverFailure;

  constructor(failure: ReceiverFailure, options?: ErrorOptions) {
    super(failure, options);
    this.failure = failure;
  }
}

/** A body in JSON, and the headers that go with it. */
export interface OutgoingMessage {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A notification to send. */
export interface OutgoingNotification {
  readonly tenant: string;
  readonly url: string;
  /** Makes the message once there is a place for the request: what waits takes no memory for it. */
  readonly toMessage: () => OutgoingMessage;
  /** Until when it may wait for a place, by the clock of the receivers. */
  readonly startBy: number;
}

/** Sends requests to receivers, a bounded number at a time. Each is a `POST`, and redirects are not followed. */
export interface Receivers {
  /**
   * Sends a notification.
   *
   * @throws ReceiverError when there was no response
   */
  notify(notification: OutgoingNotification): Promise<ReceiverResponse>;

  /**
   * Sends a request without a body, whose response is read, if there is a place for it at once.
   *
   * @throws ReceiverError when there was no response
   */
  validate(tenant: string, url: string): Promise<ReceiverResponse>;
}

export function createReceivers({
  hosts,
  resolveName = createResolveName(),
  responseDeadlineMs = RESPONSE_DEADLINE_MS,
  now = Date.now,
}: Clock & {
  readonly hosts: ReceiverHosts;
  readonly resolveName?: ResolveName;
  readonly responseDeadlineMs?: number;
}): Receivers {
  const places = createPlaces();
  // Bounded, and for each tenant, since callers choose the URLs.
  const tenants = new Map<string, QuickLRU<string, KnownReceiver>>();
  const options = { keepAlive: true, maxFreeSockets: CONCURRENT_PER_RECEIVER, timeout: responseDeadlineMs };
  const agents = { 'http:': new http.Agent(options), 'https:': new https.Agent(options) };

  return {
    async notify({ tenant, url: text, toMessage, startBy }) {
      const url = allowedUrl(text);
      const receiver = receiverAt(tenant, text, url.host);
      // Until the next request shows that it responds again, nothing waits for it.
      if (receiver.isSilent && receiver.running + receiver.waiting.size > 0) throw new ReceiverError('busy');
      const release = await places.wait(receiver, startBy - now());
      if (!release) throw new ReceiverError('busy');
      try {
        return await observe(receiver, () => send(url, withType(toMessage()), false));
      } finally {
        if (receiver.isSilent) places.refuse(receiver);
        release();
      }
    },

    async validate(tenant, text) {
      const url = allowedUrl(text);
      const release = places.take({ ...newReceiver(tenant, url.host), lane: 'validation' });
      if (!release) throw new ReceiverError('busy');
      try {
        return await send(url, { body: '', headers: { 'Content-Type': 'text/plain; charset=utf-8' } }, true);
      } finally {
        release();
      }
    },
  };

  /** The setting may have changed since the URL was accepted. */
  function allowedUrl(text: string): URL {
    if (refusedUrl(text, hosts) !== undefined) throw new ReceiverError('refused address');
    return new URL(text);
  }

  function receiverAt(tenant: string, url: string, host: string): KnownReceiver {
    const ofTenant = tenants.get(tenant) ?? new QuickLRU({ maxSize: REMEMBERED });
    tenants.set(tenant, ofTenant);
    const key = receiverKey(url);
    const receiver = ofTenant.get(key) ?? newReceiver(tenant, host);
    ofTenant.set(key, receiver);
    return receiver;
  }

  function send(url: URL, message: OutgoingMessage, readsBody: boolean): Promise<ReceiverResponse> {
    return withDeadline(responseDeadlineMs, async (signal) => {
      try {
        return await request(url, message, readsBody, signal);
      } catch (cause) {
        if (cause instanceof ReceiverError) throw cause;
        throw new ReceiverError(signal.aborted ? 'timeout' : 'unreachable', { cause });
      }
    });
  }

  function request(
    url: URL,
    message: OutgoingMessage,
    readsBody: boolean,
    signal: AbortSignal,
  ): Promise<ReceiverResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<ReceiverResponse>();
    const { request: start } = url.protocol === 'https:' ? https : http;
    // Callers choose what is validated, any number of hosts and ports: no connection to one stays open.
    const agent = readsBody ? false : agents[url.protocol === 'https:' ? 'https:' : 'http:'];
    const { body } = message;
    const headers = { 'User-Agent': USER_AGENT, 'Content-Length': Buffer.byteLength(body), ...message.headers };
    // With `autoSelectFamily`, all addresses of a name are asked for.
    const connect = { agent, autoSelectFamily: true, lookup: lookUp(signal) };
    const sent = start(url, { ...connect, method: 'POST', headers, signal, maxHeaderSize: MAX_HEAD_BYTES });
    // Whatever the receiver does to the connection, the request ends.
    let fail: (reason: unknown) => void = reject;
    signal.addEventListener('abort', () => fail(signal.reason), { once: true });
    sent.on('error', (error) => fail(error));
    // 101 Switching Protocols: without a listener, the request would neither get a response nor fail.
    sent.once('upgrade', ({ statusCode = 0, headers }, socket) => {
      socket.destroy();
      resolve({ status: statusCode, headers, body: '' });
    });
    // `maxHeaderSize` bounds one head, and there may be any number of informational ones before the last.
    let headBytes = 0;
    const isHeadTooLarge = ({
      rawHeaders,
      statusMessage = '',
    }: Pick<http.IncomingMessage, 'rawHeaders' | 'statusMessage'>) => {
      headBytes += STATUS_LINE_BYTES + statusMessage.length;
      for (const text of rawHeaders) headBytes += text.length + 2;
      return headBytes > MAX_HEAD_BYTES;
    };
    sent.on('information', (head) => {
      if (!isHeadTooLarge(head)) return;
      // Those that follow in what was received are still parsed.
      sent.removeAllListeners('information').destroy(new Error('The head of the response is too large.'));
    });
    sent.once('response', (response) => {
      if (isHeadTooLarge(response)) {
        response.on('error', () => {});
        sent.destroy(new Error('The head of the response is too large.'));
        return;
      }
      const chunks: Buffer[] = [];
      const respond = () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8', 0, MAX_RECEIVER_RESPONSE_BYTES),
        });
      response.once('end', respond);
      response.on('error', (error) => fail(error));
      if (!readsBody) {
        // The status alone is the response. The request still counts as running until the body has ended and the connection
        // is free: otherwise nothing would bound the connections.
        fail = respond;
        const timer = setTimeout(() => response.destroy(), DISCARD_MS);
        response.once('close', () => {
          clearTimeout(timer);
          respond();
        });
      }
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (readsBody) chunks.push(chunk);
        if (length <= MAX_RECEIVER_RESPONSE_BYTES) return;
        respond();
        response.destroy();
      });
    });
    sent.end(body);
    return promise;
  }

  /** Resolves a name for the connection itself, so that no other address can be connected to than the one that was checked. */
  function lookUp(signal: AbortSignal): LookupFunction {
    return (hostname, _, callback) => {
      resolveName(hostname, signal).then(
        (addresses) => {
          const areAllowed = addresses.every(({ address }) => isAllowedAddress(address, hosts));
          callback(areAllowed ? null : new ReceiverError('refused address'), areAllowed ? addresses : []);
        },
        (error) => callback(error, []),
      );
    };
  }
}

/** What URLs of the same receiver have in common: all but their query, which may differ from subscription to subscription. */
export function receiverKey(url: string): string {
  const parsed = URL.parse(url);
  return parsed ? parsed.origin + parsed.pathname : url;
}

/** A receiver, and how it responded last. */
interface KnownReceiver extends Receiver {
  /** Whether the last request got no response. */
  isSilent: boolean;
}

const newReceiver = (tenant: string, host: string): KnownReceiver => ({
  tenant,
  host,
  lane: 'unproven',
  concurrency: 1,
  running: 0,
  waiting: new Set(),
  isSilent: false,
});

async function observe(receiver: KnownReceiver, work: () => Promise<ReceiverResponse>): Promise<ReceiverResponse> {
  const start = performance.now();
  const hasResponded = receiver.lane !== 'unproven';
  try {
    const response = await work();
    const isPrompt = response.status < 500 && performance.now() - start <= SLOW_MS;
    Object.assign(receiver, { lane: isPrompt ? 'prompt' : 'slow', isSilent: false });
    receiver.concurrency = isPrompt ? Math.min(receiver.concurrency + 1, CONCURRENT_PER_RECEIVER) : 1;
    return response;
  } catch (error) {
    Object.assign(receiver, { lane: hasResponded ? 'slow' : 'unproven', isSilent: true, concurrency: 1 });
    throw error;
  }
}
