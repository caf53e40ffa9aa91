// At internet scale, on paper: what so many updates a second need and cost, by what was measured, and Azure's limits and prices.

/** Of `bench/results.md`, rounded to the worse side; `docs/cost.md` says how each was measured. */
const MEASURED = {
  /** The store requests of an update that any of several instances gets, of which one is a write. */
  requests: 1.8,
  /** The rows of the outbox that a notified change creates and removes. */
  outboxRows: 2,
  /** On the real host. */
  updatesPerInstance: 250,
  notifiedPerInstance: 150,
  logBytes: 5900,
  metricRowsPerMinute: 20,
};

/** Azure's own; `docs/cost.md` links to the page of each. */
const LIMITS = {
  account: 20_000,
  partition: 2000,
  container: 1_000_000,
  logicalPartition: 10_000,
  instances: 512_000 / 2048,
};
const RU = { write: 10, read: 1 };

/** US dollars, list prices for East US in November 2026. */
const PRICES = {
  fixed: 52,
  alwaysReadyGbSecond: 0.000004,
  activeGbSecond: 0.000016,
  onDemandGbSecond: 0.000026,
  million: { executions: 0.4, rows: 0.036 },
  privateLinkGb: 0.01,
  logGb: 2.76,
  ruHour: 0.012 / 100,
};

const HOURS = 730;
const SECONDS = HOURS * 3600;
const INSTANCE_GB = 2;
/** Two of each scaling group, of which notifications are one, are always ready where a plan is zone-redundant. */
const ALWAYS_READY = 2;
const LOG_SHARE = 0.01;
const LOG_CAP_GB = 20 * (HOURS / 24);
const PRIVATE_LINK_KB = 4;
/** The smallest throughput of a container. */
const LEAST_UNITS = 400;

const STORES = ['Table Storage', 'Cosmos DB'] as const;

export interface Need {
  readonly instances: number;
  readonly partitions: number;
  readonly accounts: number;
  readonly dollars: number;
  /** The limit of one deployment that comes first, and the share of it that all updates together take. */
  readonly nearest: string;
  readonly use: number;
}

/** What so many updates a second need, in deployments with production's settings. */
export function need(perSecond: number, store: (typeof STORES)[number], isNotified: boolean): Need {
  const outboxRows = isNotified ? MEASURED.outboxRows : 0;
  const rows = perSecond * (MEASURED.requests + outboxRows);
  const units = perSecond * (RU.write * (1 + outboxRows) + RU.read * (MEASURED.requests - 1));
  const isTable = store === 'Table Storage';
  const perInstance = isNotified ? MEASURED.notifiedPerInstance : MEASURED.updatesPerInstance;
  const instances = Math.max(ALWAYS_READY, Math.ceil(perSecond / perInstance));
  const uses = {
    account: isTable ? rows / LIMITS.account : 0,
    container: isTable ? 0 : units / LIMITS.container,
    memory: instances / LIMITS.instances,
  };
  const accounts = Math.ceil(Math.max(...Object.values(uses)));
  const [[nearest, use] = ['', 0]] = Object.entries(uses).toSorted(([, a], [, b]) => b - a);
  return {
    instances,
    partitions: Math.ceil(isTable ? rows / LIMITS.partition : units / LIMITS.logicalPartition),
    accounts,
    dollars:
      accounts * PRICES.fixed +
      app(perSecond, perInstance, instances, accounts, isNotified) +
      (isTable
        ? perMonth(rows, PRICES.million.rows) + privateLink(rows)
        : Math.max(units, LEAST_UNITS) * HOURS * PRICES.ruHour) +
      accounts * logs(perSecond / accounts, instances / accounts),
    nearest,
    use,
  };
}

const perMonth = (perSecond: number, dollarsPerMillion: number) => (perSecond * SECONDS * dollarsPerMillion) / 1e6;
const privateLink = (perSecond: number) => ((perSecond * SECONDS * PRIVATE_LINK_KB) / 1e6) * PRICES.privateLinkGb;
const percent = (share: number) => `${Math.ceil(share * 100).toLocaleString('en')}%`;

function app(perSecond: number, perInstance: number, instances: number, deployments: number, isNotified: boolean) {
  const ready = ALWAYS_READY * deployments * (isNotified ? 2 : 1);
  // An instance is active while it has a request, and at a low rate hardly ever at the same time as another one.
  const active = perSecond < perInstance ? Math.min(ALWAYS_READY, perSecond) : instances;
  const onDemand = Math.max(0, active - ready);
  const price =
    ready * PRICES.alwaysReadyGbSecond +
    (active - onDemand) * PRICES.activeGbSecond +
    onDemand * PRICES.onDemandGbSecond;
  return price * INSTANCE_GB * SECONDS + perMonth(perSecond, PRICES.million.executions);
}

function logs(perSecond: number, instances: number) {
  const traces = (perSecond * SECONDS * MEASURED.logBytes * LOG_SHARE) / 1e9;
  const metrics = (instances * MEASURED.metricRowsPerMinute * 0.5 * (SECONDS / 60)) / 1e6;
  return Math.min(LOG_CAP_GB, traces + metrics) * PRICES.logGb;
}

/** The table of `docs/cost.md`: in parentheses what notified updates need. */
export function costTable(): string {
  const head = ['updates per second', 'store', 'instances', 'partitions', 'accounts', 'dollars', 'nearest limit'];
  const rows = [1, 100, 10_000, 1_000_000].flatMap((perSecond) =>
    STORES.map((store) => {
      const [plain, notified] = [need(perSecond, store, false), need(perSecond, store, true)];
      const cells = (['instances', 'partitions', 'accounts', 'dollars'] as const).map((of) =>
        both(number(plain[of]), number(notified[of])),
      );
      const [limit, other] = [plain, notified].map(({ nearest, use }) => `${nearest} ${percent(use)}`);
      return [perSecond.toLocaleString('en'), store, ...cells, both(limit, other)];
    }),
  );
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const both = (one = '', other = '') => (one === other ? one : `${one} (${other})`);

/** Two significant digits, or a whole number below 10,000 that is counted. */
const number = (value: number) =>
  (value < 10_000 ? Math.round(value) : Number(value.toPrecision(2))).toLocaleString('en');
