import QuickLRU from 'quick-lru';
import * as z from 'zod';
import { readResource } from '../notifications/resource.ts';
import type { Resource, Subscription, SubscriptionRepository } from '../notifications/subscription.ts';
import { changeTypes } from '../operation/changeListener.ts';
import { ServiceError } from '../serviceError.ts';
import type { TablesSettings } from '../settings.ts';
import { ALL_SUBSCRIPTIONS, isBacklog, readBacklog, SUBSCRIPTIONS, untriedBacklog } from './backlogRepository.ts';
import { createRowReader, date } from './columns.ts';
import { connectTable } from './table.ts';

/** How many resources are kept at least, of at most 8,192 characters and 13 comparisons each: parsing one takes 0.3 ms. */
const KEPT_RESOURCES = 200;

/** How many expired subscriptions are listed at once: those whose receivers fail remain for a while. */
const EXPIRED_PAGE = 100;

const createSubscriptionRow = (resources: QuickLRU<string, Resource>) =>
  z
    .object({
      partitionKey: z.string().startsWith(SUBSCRIPTIONS),
      rowKey: z.string(),
      applicationId: z.string(),
      creatorId: z.string(),
      changeTypes: z
        .string()
        .transform((text) => text.split(','))
        .pipe(z.array(z.enum(changeTypes))),
      resource: z.string().transform((text, { addIssue }) => {
        try {
          const resource = resources.get(text) ?? readResource(text);
          resources.set(text, resource);
          return resource;
        } catch (error) {
          if (!(error instanceof ServiceError)) throw error;
          addIssue('must be a resource');
          return z.NEVER;
        }
      }),
      notificationUrl: z.string(),
      lifecycleNotificationUrl: z.string().nullish(),
      expiration: date,
      clientState: z.string().nullish(),
      lastDeliveryAt: date.nullish(),
      lastDeliveryOutcome: z.string().nullish(),
      etag: z.string(),
    })
    .transform(({ partitionKey, rowKey, lastDeliveryAt, lastDeliveryOutcome, ...row }) => ({
      ...row,
      tenant: partitionKey.slice(SUBSCRIPTIONS.length),
      id: rowKey,
      lifecycleNotificationUrl: row.lifecycleNotificationUrl ?? null,
      clientState: row.clientState ?? null,
      ...(lastDeliveryAt &&
        lastDeliveryOutcome && { lastDelivery: { at: lastDeliveryAt, outcome: lastDeliveryOutcome } }),
    }));

/** Stores subscriptions in the table of the operations. */
export function createSubscriptionRepository(settings: TablesSettings): SubscriptionRepository {
  const table = connectTable(settings);
  const subscriptionRow = createSubscriptionRow(new QuickLRU({ maxSize: KEPT_RESOURCES }));
  const readRows = createRowReader();
  const readable = (rows: readonly unknown[]) => readRows(rows, (row) => subscriptionRow.safeParse(row).data);

  return {
    async list(tenant, signal) {
      const rows = await table.queryAll(`PartitionKey eq '${SUBSCRIPTIONS}${tenant}'`, signal);
      const backlogs = new Map(
        rows.flatMap((row) => readBacklog(row) ?? []).map((each) => [each.subscriptionId, each]),
      );
      return readable(rows.filter((row) => !isBacklog(row))).map((each) => {
        const backlog = backlogs.get(each.id);
        return backlog ? { ...each, backlog } : each;
      });
    },

    async listExpired(before, from, signal) {
      const filter = `${ALL_SUBSCRIPTIONS} and expiration lt '${before.toISOString()}'`;
      const { rows, next } = await table.query({ filter, from, top: EXPIRED_PAGE }, signal);
      return { expired: readable(rows), next };
    },

    async create(subscription, signal) {
      await table.create(toRow(subscription), signal);
    },

    async update({ tenant, id, etag }, { expiration, notificationUrl }, signal) {
      const columns = {
        ...keysOf(tenant, id),
        ...(expiration && { expiration: expiration.toISOString() }),
        ...(notificationUrl !== undefined && { notificationUrl }),
      };
      if ((await table.merge(columns, etag, signal)) === undefined) return false;
      if (notificationUrl !== undefined) await table.merge(untriedBacklog({ tenant, subscriptionId: id }), '*', signal);
      return true;
    },

    async recordDelivery({ tenant, id }, { at, outcome }, signal) {
      const columns = { ...keysOf(tenant, id), lastDeliveryAt: at.toISOString(), lastDeliveryOutcome: outcome };
      await table.merge(columns, '*', signal);
    },

    remove: ({ tenant, id }, signal) => table.remove(keysOf(tenant, id), '*', signal),

    removeExpired: ({ tenant, id, etag }, signal) => table.remove(keysOf(tenant, id), etag, signal),
  };
}

const keysOf = (tenant: string, id: string) => ({ partitionKey: SUBSCRIPTIONS + tenant, rowKey: id });

function toRow({ tenant, id, changeTypes: types, resource, expiration, ...rest }: Subscription) {
  const { applicationId, creatorId, notificationUrl, lifecycleNotificationUrl, clientState } = rest;
  return {
    ...keysOf(tenant, id),
    applicationId,
    creatorId,
    changeTypes: types.join(),
    resource: resource.text,
    notificationUrl,
    ...(lifecycleNotificationUrl !== null && { lifecycleNotificationUrl }),
    expiration: expiration.toISOString(),
    ...(clientState !== null && { clientState }),
  };
}
