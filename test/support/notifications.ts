import type {
  ChangeEntry,
  OutboxEntry,
  OutboxRepository,
  StoredEntry,
} from '../../shared/notifications/outboxEntry.ts';
import { readResource } from '../../shared/notifications/resource.ts';
import type { StoredSubscription } from '../../shared/notifications/subscription.ts';
import { TENANT } from './operations.ts';

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

/** An entry of a change that nobody has attempted to deliver. */
export function changeEntry(content: Partial<ChangeEntry> = {}): OutboxEntry {
  const change = {
    operationId: 'o',
    writeId: 'w',
    changeType: 'updated',
    replaces: 'v',
    subscriptions: ['s'],
  } as const;
  return {
    id: crypto.randomUUID(),
    tenant: TENANT,
    createdAt: new Date('2026-01-01T00:00:00Z'),
    attempts: 0,
    content: { kind: 'change', ...change, ...content },
  };
}

/** An outbox in memory, with the ETags of the table's, and its pages, of at most `pageSize` entries. */
export function memoryOutbox({ pageSize = 1000 } = {}) {
  const rows = new Map<string, StoredEntry>();
  const etag = () => crypto.randomUUID();
  const repository: OutboxRepository = {
    async create(entry, dueAt) {
      if (rows.has(entry.id)) return undefined;
      const stored = { entry, dueAt, etag: etag() };
      rows.set(entry.id, stored);
      return stored;
    },
    async replace({ entry, etag: known }, { dueAt, attempts = entry.attempts }) {
      if (rows.get(entry.id)?.etag !== known) return undefined;
      const stored = { entry: { ...entry, attempts }, dueAt, etag: etag() };
      rows.set(entry.id, stored);
      return stored;
    },
    async remove({ entry, etag: known }) {
      if (rows.get(entry.id)?.etag === known) rows.delete(entry.id);
    },
    list: async ({ least = '', below = '~' }, from = '') => {
      const found = [...rows.values()]
        .filter(({ entry: { id } }) => id >= least && id < below && id > from)
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
