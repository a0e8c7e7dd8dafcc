/**
 * Completes the addresses that servers of a Cluster announce. A server that does not know its own address, or is
 * configured not to tell it, announces an empty host. By Redis' own rule the host that was asked takes its place.
 */
import type { Endpoint } from '../../../net/redis-url.js'

/** `host, port, id, more as name, value...`; the host is null or '' where it is not known, `?` where it has no name. */
type SlotOwner = [host: string | null, port: number, id: string, more?: string[]]
/** One line of `CLUSTER SLOTS`: first and last slot, the master, its replicas. */
export type SlotRange = [first: number, last: number, ...owners: SlotOwner[]]

export const SLOTS = 16_384

/** The same ranges, each owner with a host. */
export function withHosts(ranges: readonly SlotRange[], askedHost: string): SlotRange[] {
  return ranges.map(([first, last, ...owners]) => [
    first,
    last,
    ...owners.map(
      ([host, ...rest]): SlotOwner => [isNamed(host) ? host : (ipOf(rest[2]) ?? askedHost), ...rest],
    ),
  ])
}

/** The slots that no range has. */
export function unservedSlots(ranges: readonly SlotRange[]): number[] {
  const served = new Set<number>()
  for (const [first, last] of ranges) for (let slot = first; slot <= last; slot++) served.add(slot)
  return served.size === SLOTS
    ? []
    : Array.from({ length: SLOTS }, (_, slot) => slot).filter((slot) => !served.has(slot))
}

/** Of a redirection, `host:port`: a host that was not told is that of a known server, best one at this port. */
export function redirectedTo(address: string, known: readonly Endpoint[]): Endpoint | undefined {
  const [, host, digits] = /^(.*):(\d+)$/.exec(address) ?? []
  if (isNamed(host)) return undefined
  const port = Number(digits)
  const server = known.find((candidate) => candidate.port === port) ?? known[0]
  return server && { host: server.host, port }
}

function isNamed(host: string | null | undefined): host is string {
  return host !== null && host !== undefined && host !== '' && host !== '?'
}

function ipOf(more: string[] | undefined): string | undefined {
  const at = more?.indexOf('ip') ?? -1
  return at < 0 ? undefined : more?.[at + 1] || undefined
}
