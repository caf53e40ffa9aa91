// Where notifications may be sent to: what keeps them from becoming requests to the network of the service (SSRF).
import ipaddr from 'ipaddr.js';

/** The hosts that may receive notifications: names, `*.` and a name for all below it, and IP addresses. */
export type ReceiverHosts = readonly string[];

/** How many of the hosts a refusal names. */
const MAX_NAMED = 10;

/**
 * Checks the URL of a receiver. It is `https`, or `http` to a loopback address that is listed, and its host is listed.
 *
 * @returns what the URL must be, or undefined when it may be used
 */
export function refusedUrl(text: string, hosts: ReceiverHosts): string | undefined {
  const url = URL.parse(text);
  if (!url) return 'a URL';
  const address = addressOf(url.hostname);
  const isListedLoopback = address !== undefined && isListed(address, hosts) && isLoopback(address);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isListedLoopback)) {
    const loopback = hosts.filter((host) => isLoopback(addressOf(host)));
    return `an https URL${loopback.length > 0 ? `, or an http URL of ${loopback.join(', ')}` : ''}`;
  }
  if (url.username !== '' || url.password !== '') return 'a URL without user and password';
  if (/\s/.test(text)) return 'a URL without white space';
  if (text.includes('#')) return 'a URL without a fragment';
  if (address !== undefined && !isAllowedAddress(address, hosts)) return 'a URL of a public host';
  return isAllowedHost(url.hostname, hosts)
    ? undefined
    : `a URL of a host that this service sends notifications to: ${hosts.slice(0, MAX_NAMED).join(', ')}`;
}

/** Whether a request to a host may be sent to an address that the host's name resolves to, or is. */
export function isAllowedAddress(address: string, hosts: ReceiverHosts): boolean {
  return isListed(address, hosts) || (rangeOf(address) === 'unicast' && !isInternal(address));
}

function isAllowedHost(hostname: string, hosts: ReceiverHosts) {
  return hosts.some((host) =>
    host.startsWith('*.') ? hostname.endsWith(host.slice(1)) && hostname.length > host.length - 1 : hostname === host,
  );
}

/** The IP address that a host of a URL is, without brackets; undefined for a name. */
function addressOf(hostname: string): string | undefined {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return ipaddr.isValid(bare) ? bare : undefined;
}

const isListed = (address: string, hosts: ReceiverHosts) =>
  hosts.some((host) => {
    const listed = addressOf(host);
    return listed !== undefined && normalized(listed) === normalized(address);
  });

/** An IPv6 address that contains an IPv4 address is that one. */
const normalized = (address: string) => ipaddr.process(address).toNormalizedString();

const isLoopback = (address: string | undefined) => address !== undefined && rangeOf(address) === 'loopback';

/** The range of the IANA registries of special-purpose addresses; `unicast` outside of them. RFC 6890. */
const rangeOf = (address: string) => ipaddr.process(address).range();

/** The only IPv6 addresses that IANA has allocated as global unicast. RFC 4291, section 2.4. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * The virtual address of the Azure platform, which no registry lists.
 * https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
 */
const AZURE_PLATFORM = '168.63.129.16';

/** Whether an address is not public although no registry lists it as special. */
function isInternal(address: string) {
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6 ? !parsed.match(GLOBAL_UNICAST) : parsed.toString() === AZURE_PLATFORM;
}
