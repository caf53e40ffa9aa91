// Requests to receivers of notifications.
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import pLimit, { type LimitFunction } from 'p-limit';
import QuickLRU from 'quick-lru';
import { withDeadline } from '../bounds.ts';
import { VERSION } from '../tracing.ts';
import { isAllowedAddress, type ReceiverHosts, refusedUrl } from './receiverPolicy.ts';
import { createResolveName, type ResolveName } from './resolveName.ts';

/** How long a receiver may take to respond. */
export const RESPONSE_DEADLINE_MS = 10_000;

/** How much of a response is read, in bytes, and for how long if its body does not matter. */
const MAX_RECEIVER_RESPONSE_BYTES = 4096;
const DISCARD_MS = 100;

/**
 * How many requests run concurrently: in all, and to one host. Receivers that were slow or failed last have places of their
 * own, so that however many they are, they take none of the others'.
 */
const STEADY = { all: 192, perHost: 48 };
const SLOW = { all: 64, perHost: 16 };

/** How many requests to one receiver run concurrently: one more after each prompt response, and one after any other. */
const CONCURRENT_PER_RECEIVER = 16;

/** A response that takes longer is slow, in milliseconds. */
const SLOW_MS = 1000;

/** Of how many receivers, and hosts, at least it is remembered what runs, and how they responded. */
const REMEMBERED = 1000;

/** How many requests to one receiver may wait. */
const MAX_WAITING = 500;

/** What a receiver responded. */
export interface ReceiverResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** The first 4,096 bytes of the body; empty unless it was asked for. */
  readonly body: string;
}

/** Why a request got no response. `busy`: it was not sent, since too many wait for the same receiver. */
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

export interface PostOptions {
  /** Whether the body of the response is read. */
  readonly readsBody?: boolean;
  /** Until when it may wait for other requests to the same receiver or host, by the clock of the receivers. */
  readonly startBy?: number;
}

/** Sends requests to receivers, a bounded number at a time. */
export interface Receivers {
  /**
   * Sends a `POST`. Redirects are not followed.
   *
   * @throws ReceiverError when there was no response
   */
  post(url: string, body: string, options?: PostOptions): Promise<ReceiverResponse>;
}

export function createReceivers({
  hosts,
  resolveName = createResolveName(),
  responseDeadlineMs = RESPONSE_DEADLINE_MS,
  now = Date.now,
}: {
  readonly hosts: ReceiverHosts;
  readonly resolveName?: ResolveName;
  readonly responseDeadlineMs?: number;
  readonly now?: (() => number) | undefined;
}): Receivers {
  const steady = createLane(STEADY);
  const slow = createLane(SLOW);
  // Bounded, since callers choose the URLs.
  const known = new QuickLRU<string, Receiver>({ maxSize: REMEMBERED });
  const options = { keepAlive: true, maxFreeSockets: CONCURRENT_PER_RECEIVER, timeout: responseDeadlineMs };
  const agents = { 'http:': new http.Agent(options), 'https:': new https.Agent(options) };

  return {
    async post(text, body, { readsBody = false, startBy = Number.POSITIVE_INFINITY } = {}) {
      // The setting may have changed since the URL was accepted.
      if (refusedUrl(text, hosts) !== undefined) throw new ReceiverError('refused address');
      const url = new URL(text);
      const receiver = receiverAt(receiverKey(text));
      if (receiver.limit.pendingCount >= MAX_WAITING) throw new ReceiverError('busy');
      return startingWithin(startBy - now(), (start) =>
        receiver.limit(() => {
          const lane = receiver.isSlow ? slow : steady;
          // The deadline begins when the request is sent: those that wait for others have not failed.
          return lane(url.hostname, async () => start(() => observe(receiver, () => send(url, body, readsBody))));
        }),
      );
    },
  };

  function receiverAt(key: string): Receiver {
    const receiver = known.get(key) ?? { limit: pLimit(1), isSlow: false };
    known.set(key, receiver);
    return receiver;
  }

  function send(url: URL, body: string, readsBody: boolean): Promise<ReceiverResponse> {
    return withDeadline(responseDeadlineMs, async (signal) => {
      try {
        return await request(url, body, readsBody, signal);
      } catch (cause) {
        if (cause instanceof ReceiverError) throw cause;
        throw new ReceiverError(signal.aborted ? 'timeout' : 'unreachable', { cause });
      }
    });
  }

  function request(url: URL, body: string, readsBody: boolean, signal: AbortSignal): Promise<ReceiverResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<ReceiverResponse>();
    const { request: start } = url.protocol === 'https:' ? https : http;
    const agent = agents[url.protocol === 'https:' ? 'https:' : 'http:'];
    const headers = {
      'User-Agent': `playPromptOperation/${VERSION}`,
      // As Graph does it: web frameworks refuse an empty body that is declared as JSON.
      'Content-Type': `${body === '' ? 'text/plain' : 'application/json'}; charset=utf-8`,
      'Content-Length': Buffer.byteLength(body),
    };
    // With `autoSelectFamily`, all addresses of a name are asked for.
    const connect = { agent, autoSelectFamily: true, lookup: lookUp(signal) };
    const sent = start(url, { ...connect, method: 'POST', headers, signal });
    // Whatever the receiver does to the connection, the request ends.
    let fail: (reason: unknown) => void = reject;
    signal.addEventListener('abort', () => fail(signal.reason), { once: true });
    sent.on('error', (error) => fail(error));
    // 101 Switching Protocols: without a listener, the request would neither get a response nor fail.
    sent.once('upgrade', ({ statusCode = 0, headers }, socket) => {
      socket.destroy();
      resolve({ status: statusCode, headers, body: '' });
    });
    sent.once('response', (response) => {
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
        // The status is the response, whatever becomes of the body. Until that has ended, so that its connection can be used
        // again, the request counts as running: otherwise there would be no bound on connections.
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

  /**
   * Resolves a name for the connection itself, so that no other address can be connected to than the one that was checked.
   */
  function lookUp(signal: AbortSignal): LookupFunction {
    return (hostname, _, callback) => {
      allowedAddresses(hostname, signal).then(
        (addresses) => callback(null, addresses),
        (error) => callback(error, []),
      );
    };
  }

  async function allowedAddresses(hostname: string, signal: AbortSignal) {
    const addresses = await resolveName(hostname, signal);
    if (addresses.every(({ address }) => isAllowedAddress(address, hosts))) return addresses;
    throw new ReceiverError('refused address');
  }
}

/** What URLs of the same receiver have in common: all but their query, which may differ from subscription to subscription. */
export function receiverKey(url: string): string {
  const parsed = URL.parse(url);
  return parsed ? parsed.origin + parsed.pathname : url;
}

/** A receiver, and how it responded last. */
interface Receiver {
  readonly limit: LimitFunction;
  isSlow: boolean;
}

async function observe(receiver: Receiver, work: () => Promise<ReceiverResponse>): Promise<ReceiverResponse> {
  const start = performance.now();
  let isPrompt = false;
  try {
    const response = await work();
    isPrompt = response.status < 500 && performance.now() - start <= SLOW_MS;
    return response;
  } finally {
    receiver.isSlow = !isPrompt;
    adaptConcurrency(receiver.limit, isPrompt);
  }
}

/** Lets one more run concurrently after one that went well, and only one after any other. */
export function adaptConcurrency(limit: LimitFunction, wentWell: boolean): void {
  limit.concurrency = wentWell ? Math.min(limit.concurrency + 1, CONCURRENT_PER_RECEIVER) : 1;
}

/**
 * Queues work whose turn has to come within some milliseconds; then the queue calls `start`.
 *
 * @throws ReceiverError `busy` as soon as it is too late
 */
async function startingWithin<Result>(
  milliseconds: number,
  queue: (start: (work: () => Promise<Result>) => Promise<Result>) => Promise<Result>,
): Promise<Result> {
  if (milliseconds <= 0) throw new ReceiverError('busy');
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  let isTooLate = false;
  const giveUp = () => {
    isTooLate = true;
    reject(new ReceiverError('busy'));
  };
  const timer = Number.isFinite(milliseconds) ? setTimeout(giveUp, milliseconds) : undefined;
  const start = async (work: () => Promise<Result>) => {
    clearTimeout(timer);
    if (isTooLate) throw new ReceiverError('busy');
    return work();
  };
  return Promise.race([queue(start), tooLate]);
}

/** Runs work for hosts, as much of it concurrently as there are places, for each host and in all. */
function createLane({ all, perHost }: { readonly all: number; readonly perHost: number }) {
  const total = pLimit(all);
  const byHost = new QuickLRU<string, LimitFunction>({ maxSize: REMEMBERED });
  return <Result>(hostname: string, work: () => Promise<Result>): Promise<Result> => {
    const host = byHost.get(hostname) ?? pLimit(perHost);
    byHost.set(hostname, host);
    return host(() => total(work));
  };
}
