// Requests to receivers of notifications.
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import pLimit, { type LimitFunction } from 'p-limit';
import QuickLRU from 'quick-lru';
import { withDeadline } from '../deadline.ts';
import { isAllowedAddress, type ReceiverHosts, refusedUrl } from './receiverPolicy.ts';
import { createResolveName } from './resolveName.ts';

/** How long a receiver may take to respond. */
export const RESPONSE_DEADLINE_MS = 10_000;

/** How much of a response is read, in bytes, and for how long if its body does not matter. */
const MAX_RESPONSE_BYTES = 4096;
const DISCARD_MS = 1000;

/** How many requests run concurrently: in all, to one host, and to one host whose last request failed. */
const CONCURRENT_REQUESTS = 256;
const CONCURRENT_PER_HOST = 16;
const CONCURRENT_PER_FAILING_HOST = 1;

/** Of how many hosts at least it is remembered what runs, and whether they failed. */
const REMEMBERED_HOSTS = 1000;

/** How many requests to one host may wait. */
const MAX_WAITING = 500;

/** What a receiver responded. */
export interface ReceiverResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** The first 4,096 bytes of the body; empty unless it was asked for. */
  readonly body: string;
}

/** Why a request got no response. `busy`: it was not sent, since too many wait for the same host. */
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
  /** Until when it may wait for other requests to the same host, by `Date.now()`. */
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

export function createReceivers(hosts: ReceiverHosts, resolveName = createResolveName()): Receivers {
  const all = pLimit(CONCURRENT_REQUESTS);
  // Bounded, since callers choose the hosts below a name that is allowed with `*.`.
  const byHost = new QuickLRU<string, LimitFunction>({ maxSize: REMEMBERED_HOSTS });
  const options = { keepAlive: true, maxFreeSockets: CONCURRENT_PER_HOST, timeout: RESPONSE_DEADLINE_MS };
  const agents = { 'http:': new http.Agent(options), 'https:': new https.Agent(options) };

  return {
    async post(text, body, { readsBody = false, startBy = Number.POSITIVE_INFINITY } = {}) {
      // The setting may have changed since the URL was accepted.
      if (refusedUrl(text, hosts) !== undefined) throw new ReceiverError('refused address');
      const url = new URL(text);
      const limit = byHost.get(url.host) ?? pLimit(CONCURRENT_PER_HOST);
      byHost.set(url.host, limit);
      if (limit.pendingCount >= MAX_WAITING) throw new ReceiverError('busy');
      try {
        // The deadline begins when the request is sent: those that wait for others have not failed.
        const response = await limit(() =>
          all(() => {
            if (Date.now() > startBy) throw new ReceiverError('busy');
            return send(url, body, readsBody);
          }),
        );
        limit.concurrency = response.status < 500 ? CONCURRENT_PER_HOST : CONCURRENT_PER_FAILING_HOST;
        return response;
      } catch (error) {
        limit.concurrency = CONCURRENT_PER_FAILING_HOST;
        throw error;
      }
    },
  };

  function send(url: URL, body: string, readsBody: boolean): Promise<ReceiverResponse> {
    return withDeadline(RESPONSE_DEADLINE_MS, async (signal) => {
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
    const headers = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(body) };
    const sent = start(url, { method: 'POST', agent, headers, lookup: lookUp(signal), signal });
    // Whatever the receiver does to the connection, the request ends.
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    sent.on('error', reject);
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
          body: Buffer.concat(chunks).toString('utf8', 0, MAX_RESPONSE_BYTES),
        });
      response.on('error', reject);
      response.once('end', respond);
      if (!readsBody) {
        respond();
        // Read to its end, its connection can be used again.
        const timer = setTimeout(() => response.destroy(), DISCARD_MS);
        response.once('close', () => clearTimeout(timer));
      }
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (readsBody) chunks.push(chunk);
        if (length <= MAX_RESPONSE_BYTES) return;
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
    return (hostname, options, callback) => {
      allowedAddresses(hostname, signal).then(
        (addresses) => {
          const [first] = addresses;
          if (options.all || !first) callback(null, addresses);
          else callback(null, first.address, first.family);
        },
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
