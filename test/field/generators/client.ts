// What every generated client in TypeScript does with the service.
/** What a generated client does with the service, in its own terms: each method is an adapter to what was generated. */
export interface GeneratedClient {
  update(id: string, patch: Patch): Promise<Operation>;
  readStatus(id: string): Promise<Operation>;
  /** A page of the operations of a context, two at most. */
  page(clientContext: string, next: string | undefined): Promise<Page>;
  delete(id: string): Promise<void>;
  subscribe(subscription: Subscription): Promise<{ id: string; resource: string }>;
  unsubscribe(id: string): Promise<void>;
  /** What an error says that the client throws itself, instead of `Refused`. */
  refusal?(error: unknown): Refusal;
}

export interface Facts {
  readonly baseUrl: string;
  readonly token: string;
  readonly prefix: string;
  readonly notificationUrl: string;
  readonly expiration: string;
}

export interface Patch {
  readonly id?: string;
  readonly status?: 'Running';
  readonly clientContext?: string | null;
  readonly resultInfo?: { readonly code: number } | null;
}

export interface Operation {
  readonly id?: string | null;
  readonly status?: string | null;
  readonly clientContext?: string | null;
  readonly resultInfo?: { readonly code?: number | null; readonly message?: string | null } | null;
  readonly completionReason?: string | null;
}

export interface Page {
  readonly operations: readonly Operation[];
  readonly next: string | undefined;
}

export interface Subscription {
  readonly changeType: string;
  readonly resource: string;
  readonly notificationUrl: string;
  readonly expirationDateTime: string;
}

export interface Refusal {
  readonly status: number;
  readonly code: string | undefined;
  readonly targets: readonly string[];
}

/** The service refused a request, with this error in its answer. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(status: number, { code, details }: { code: string; details?: { target: string }[] }) {
    super(code);
    this.refusal = { status, code, targets: details?.map(({ target }) => target) ?? [] };
  }
}

/** The value of an option in a link. */
export const optionOf = (link: string | undefined, name: string) =>
  link === undefined ? undefined : (new URL(link).searchParams.get(name) ?? undefined);

/** Uses the service of the facts on the command line with a client, and prints what it saw as a line of JSON. */
export async function run(open: (facts: Facts) => GeneratedClient): Promise<void> {
  const facts: Facts = JSON.parse(process.argv[2] ?? '');
  console.log(JSON.stringify(await use(open(facts), facts)));
}

async function use(client: GeneratedClient, { prefix, notificationUrl, expiration: expirationDateTime }: Facts) {
  const ids = Array.from({ length: 5 }, (_, n) => `${prefix}-${n}`);
  const [first = ''] = ids;

  const patch = { status: 'Running', clientContext: prefix, resultInfo: { code: 200 } } as const;
  let updated: Operation = {};
  for (const id of ids) updated = await client.update(id, patch);
  const pages: number[] = [];
  const listed: (string | null | undefined)[] = [];
  let next: string | undefined;
  do {
    const page = await client.page(prefix, next);
    pages.push(page.operations.length);
    listed.push(...page.operations.map(({ id }) => id));
    next = page.next;
  } while (next !== undefined);

  const cleared = await client.update(first, { clientContext: null, resultInfo: null });
  const read = await client.readStatus(first);
  const asked = { changeType: 'updated', resource: 'playPromptOperation', notificationUrl, expirationDateTime };
  const subscription = await client.subscribe(asked);
  await client.unsubscribe(subscription.id);
  await client.delete(first);
  return {
    updated: seen(updated),
    cleared: seen(cleared),
    read: seen(read),
    pages,
    listed,
    subscribedTo: subscription.resource,
    mismatched: await refusalOf(client, client.update(first, { id: 'other' })),
    deleted: await refusalOf(client, client.readStatus(first)),
  };
}

const seen = ({ id, status, clientContext, resultInfo, completionReason }: Operation) => ({
  id,
  status,
  // Kiota has undefined for null.
  clientContext: clientContext ?? null,
  code: resultInfo?.code ?? null,
  message: resultInfo?.message ?? null,
  completionReason: completionReason ?? null,
});

async function refusalOf(client: GeneratedClient, request: Promise<unknown>) {
  try {
    await request;
  } catch (error) {
    return error instanceof Refused ? error.refusal : client.refusal?.(error);
  }
  return undefined;
}
