import { type BacklogRepository, createBacklogs, type WaitingChange } from '../../shared/notifications/backlog.ts';
import { createDelivery } from '../../shared/notifications/delivery.ts';
import {
  type ChangeEntry,
  type LifecycleEntry,
  lifecycleEntry,
  type OutboxEntry,
  type OutboxRepository,
  type StoredEntry,
} from '../../shared/notifications/outboxEntry.ts';
import type { OutgoingMessage, OutgoingNotification, Receivers } from '../../shared/notifications/receiver.ts';
import { readResource } from '../../shared/notifications/resource.ts';
import type { Backlog, StoredSubscription } from '../../shared/notifications/subscription.ts';
import { TENANT } from './operations.ts';

/** A signing secret. */
export const SIGNING_SECRET = `whsec_${Buffer.alloc(32, 'k').toString('base64')}`;

/** A live subscription to all changes of a tenant. */
export function aSubscription(changes: Partial<StoredSubscription> = {}): StoredSubscription {
  return {
    id: crypto.randomUUID(),
    tenant: TENANT,
    applicationId: 'application',
    creatorId: 'creator',
    changeTypes: ['created', 'updated', 'deleted'],
    resource: readResource('playPromptOperation'),
    notificationUrl: 'https://bot.example/',
    lifecycleNotificationUrl: null,
    expiration: new Date('2100-01-01T00:00:00Z'),
    clientState: 'secret',
    etag: 'etag',
    ...changes,
  };
}

/** The backlog of a subscription, whose receiver failed in one run. */
export function aBacklog(subscriptionId: string, changes: Partial<Backlog> = {}): Backlog {
  const at = new Date(0);
  const times = { since: at, touchedAt: at, retryAt: at, quietUntil: at };
  return { tenant: TENANT, subscriptionId, ...times, failures: 1, isSaturated: false, etag: 'e', ...changes };
}

/** A change that is notified. */
export const change = { operationId: 'o', writeId: 'w', changeType: 'updated', replaces: 'v' } as const;

/** An entry of a change that nobody has attempted to deliver. */
export function changeEntry(content: Partial<ChangeEntry> = {}): OutboxEntry {
  return {
    id: crypto.randomUUID(),
    tenant: TENANT,
    createdAt: new Date('2026-01-01T00:00:00Z'),
    attempts: 0,
    content: { kind: 'change', ...change, subscriptions: ['s'], ...content },
  };
}

/** The lifecycle entry of a subscription that wants one. */
export function lifecycleEntryOf(of: StoredSubscription, event: LifecycleEntry['lifecycleEvent'], at: Date) {
  const entry = lifecycleEntry(of, event, at);
  if (!entry) throw new Error('It wants none.');
  return entry;
}

/** An outbox in memory, with the ETags of the table's, and its pages, of at most `pageSize` entries. */
export function memoryOutbox(pageSize = 1000) {
  const rows = new Map<string, StoredEntry>();
  const etag = () => crypto.randomUUID();
  const repository: OutboxRepository = {
    async create(entry, dueAt) {
      if (rows.has(entry.id)) return undefined;
      const stored = { entry, dueAt, etag: etag() };
      rows.set(entry.id, stored);
      return stored;
    },
    async replace({ entry, etag: known }, { dueAt, attempts = entry.attempts, content = entry.content }) {
      if (rows.get(entry.id)?.etag !== known) return undefined;
      const stored = { entry: { ...entry, attempts, content }, dueAt, etag: etag() };
      rows.set(entry.id, stored);
      return stored;
    },
    async remove({ entry, etag: known }) {
      if (entry.content.kind === 'change' || rows.get(entry.id)?.etag === known) rows.delete(entry.id);
    },
    listDue: async (at, { least = '', below = '~' }, from = '') => {
      const found = [...rows.values()]
        .filter(({ entry: { id }, dueAt }) => id >= least && id < below && id > from && dueAt <= at)
        .toSorted((one, other) => (one.entry.id < other.entry.id ? -1 : 1));
      const entries = found.slice(0, pageSize);
      return { entries, next: found.length > pageSize ? entries.at(-1)?.entry.id : undefined };
    },
  };
  return {
    ...repository,
    all: () => [...rows.values()],
    only(): StoredEntry {
      const [only, ...others] = rows.values();
      if (!only || others.length > 0) throw new Error(`There are ${rows.size} entries.`);
      return only;
    },
  };
}

/** Backlogs in memory, with the ETags of the table's, and its pages, of at most `pageSize` changes. */
export function memoryBacklogs({ pageSize = 64 } = {}) {
  const backlogs = new Map<string, Backlog>();
  const waiting = new Map<string, Map<string, WaitingChange>>();
  const etag = () => crypto.randomUUID();
  const changesOf = (subscriptionId: string) => [...(waiting.get(subscriptionId)?.values() ?? [])];
  const repository: BacklogRepository = {
    list: async () => [...backlogs.values()],
    async touch({ tenant, subscriptionId }, changes) {
      const { touchedAt } = changes;
      const first = { since: touchedAt, retryAt: touchedAt, failures: 0, isSaturated: false, quietUntil: new Date(0) };
      const known = backlogs.get(subscriptionId) ?? { tenant, subscriptionId, ...first };
      backlogs.set(subscriptionId, { ...known, ...changes, etag: etag() });
    },
    async update({ subscriptionId, etag: known }, changes) {
      const backlog = backlogs.get(subscriptionId);
      if (!backlog || (known !== '*' && backlog.etag !== known)) return undefined;
      const next = { ...backlog, ...changes, etag: etag() };
      backlogs.set(subscriptionId, next);
      return next;
    },
    remove: async ({ subscriptionId, etag: known }) =>
      backlogs.get(subscriptionId)?.etag === known && backlogs.delete(subscriptionId),
    async add(subscriptionId, changes) {
      const known = waiting.get(subscriptionId) ?? new Map();
      for (const change of changes) waiting.set(subscriptionId, known.set(change.id, change));
    },
    count: async (subscriptionId) => Math.min(changesOf(subscriptionId).length, 1000),
    async listWaiting(subscriptionId, { before, from = '' }) {
      const found = changesOf(subscriptionId)
        .filter(({ id, createdAt }) => id > from && (before === undefined || createdAt < before))
        .toSorted((one, other) => (one.id < other.id ? -1 : 1));
      const changes = found.slice(0, pageSize);
      return { changes, next: found.length > pageSize ? changes.at(-1)?.id : undefined };
    },
    async removeWaiting(subscriptionId, { id }) {
      waiting.get(subscriptionId)?.delete(id);
    },
  };
  return { ...repository, backlogs, changesOf };
}

/** A response: its status, and Retry-After. */
export type Reply = number | { readonly status: number; readonly retryAfter: string };

/** What was sent: the notifications of the message too. */
interface Posted extends OutgoingNotification {
  readonly message: OutgoingMessage;
  readonly value: readonly Record<string, unknown>[];
}

/** Receivers that respond to the n-th request as a test says, and what was sent to them. */
export function memoryReceivers(respond: (url: string, n: number) => Reply | Promise<Reply> = () => 200) {
  const posted: Posted[] = [];
  const notify: Receivers['notify'] = async (outgoing) => {
    const message = outgoing.toMessage();
    const reply = await respond(outgoing.url, posted.push({ ...outgoing, message, ...JSON.parse(message.body) }));
    const { status, retryAfter } = typeof reply === 'number' ? { status: reply, retryAfter: undefined } : reply;
    return { status, headers: { 'retry-after': retryAfter }, body: '' };
  };
  return { posted, notify };
}

/** An outbox, backlogs and receivers in memory, and what delivers of the instances that use them. */
export function memoryDelivery(now: () => number, respond?: Parameters<typeof memoryReceivers>[0], pageSize?: number) {
  const entries = memoryOutbox(pageSize);
  const backlogRepository = memoryBacklogs();
  const { posted, notify } = memoryReceivers(respond);
  const subscriptions = { recordDelivery: async () => {} };
  return {
    ...{ entries, backlogRepository, posted },
    newInstance() {
      const shared = { entries, now, sleep: async () => {} };
      const backlogs = createBacklogs({ ...shared, repository: backlogRepository });
      return { backlogs, delivery: createDelivery({ ...shared, backlogs, subscriptions, receivers: { notify } }) };
    },
  };
}
