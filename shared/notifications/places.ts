// Which requests to receivers run, and which wait.
//
// A request waits at its receiver until the receiver may run another, and its lane has a place for the tenant and at the host.
// Free places go to the tenants in turn, and within a tenant to its receivers in turn.
import { Shares } from './shares.ts';

/**
 * How many requests run concurrently: in all, and to one host and port. Prompt receivers have places of their own, apart from
 * those of slow receivers, of new ones, and of validations.
 */
const LANES = {
  /** The last response was prompt. */
  prompt: { all: 192, perHost: 64 },
  /** The last response was slow, an error of the server, or none, but there was one before. */
  slow: { all: 64, perHost: 24 },
  /** There has been no response yet. */
  unproven: { all: 64, perHost: 24 },
  validation: { all: 64, perHost: 48 },
};

export type LaneName = keyof typeof LANES;

/** Where requests of a tenant go, and how many of them may run. */
export interface Receiver {
  readonly tenant: string;
  /** The host and port. */
  readonly host: string;
  lane: LaneName;
  concurrency: number;
  running: number;
  readonly waiting: Set<Waiter>;
}

/** Gives a place back. */
type Release = () => void;

/** Gets a place, or undefined when it gets none. */
type Waiter = (release: Release | undefined) => void;

export interface Places {
  /** Takes a place, and returns what gives it back; undefined when there is none now. */
  take(receiver: Receiver): Release | undefined;

  /** Waits for a place for some milliseconds; undefined when it gets none. */
  wait(receiver: Receiver, milliseconds: number): Promise<Release | undefined>;

  /** Refuses all that wait at a receiver. */
  refuse(receiver: Receiver): void;
}

export function createPlaces(): Places {
  const lanes: Readonly<Record<LaneName, Lane>> = {
    prompt: createLane('prompt'),
    slow: createLane('slow'),
    unproven: createLane('unproven'),
    validation: createLane('validation'),
  };
  /** The receivers at which requests wait, by tenant; whose turn it is comes first. */
  const queues = new Map<string, Set<Receiver>>();

  function take(receiver: Receiver): Release | undefined {
    if (receiver.running >= receiver.concurrency) return undefined;
    const leave = lanes[receiver.lane](receiver);
    if (!leave) return undefined;
    receiver.running += 1;
    return () => {
      receiver.running -= 1;
      leave();
      startWaiting();
    };
  }

  function startWaiting() {
    // A tenant whose turn is over moves to the end, where this loop comes to it again.
    for (const [tenant, receivers] of queues) {
      if (!startOne(receivers)) continue;
      queues.delete(tenant);
      if (receivers.size > 0) queues.set(tenant, receivers);
    }
  }

  function startOne(receivers: Set<Receiver>): boolean {
    for (const receiver of receivers) {
      const [first] = receiver.waiting;
      const release = first && take(receiver);
      if (!release) continue;
      receiver.waiting.delete(first);
      receivers.delete(receiver);
      if (receiver.waiting.size > 0) receivers.add(receiver);
      first(release);
      return true;
    }
    return false;
  }

  function refuse(receiver: Receiver, waiter: Waiter) {
    waiter(undefined);
    receiver.waiting.delete(waiter);
    if (receiver.waiting.size > 0) return;
    const receivers = queues.get(receiver.tenant);
    receivers?.delete(receiver);
    if (receivers?.size === 0) queues.delete(receiver.tenant);
  }

  return {
    take,

    async wait(receiver, milliseconds) {
      if (milliseconds <= 0) return undefined;
      const release = receiver.waiting.size === 0 ? take(receiver) : undefined;
      if (release) return release;
      const { promise, resolve: waiter } = Promise.withResolvers<Release | undefined>();
      const timer = setTimeout(refuse, milliseconds, receiver, waiter);
      receiver.waiting.add(waiter);
      const receivers = queues.get(receiver.tenant) ?? new Set();
      queues.set(receiver.tenant, receivers.add(receiver));
      return promise.finally(() => clearTimeout(timer));
    },

    refuse(receiver) {
      for (const waiter of receiver.waiting) refuse(receiver, waiter);
    },
  };
}

/** Takes a place for a receiver, in all and at its host. */
type Lane = (receiver: Receiver) => Release | undefined;

function createLane(name: LaneName): Lane {
  const { all, perHost } = LANES[name];
  const places = new Shares(all);
  const hosts = new Map<string, Shares>();

  return ({ tenant, host }) => {
    const atHost = hosts.get(host) ?? new Shares(perHost);
    if (!places.hasRoom(tenant) || !atHost.take(tenant)) return undefined;
    places.take(tenant);
    hosts.set(host, atHost);
    return () => {
      places.release(tenant);
      atHost.release(tenant);
      if (atHost.isUnused) hosts.delete(host);
    };
  };
}
