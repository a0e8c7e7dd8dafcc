/** Networks of addresses, as a setting names them: addresses, CIDR blocks, and two words for the usual ones. */
import { BlockList, isIP } from 'node:net'
import { normalizeAddress } from './address.js'

const WORDS: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

/** Bits of `::ffff:0:0/96`, the IPv6 spelling of all IPv4 addresses. */
const MAPPED_BITS = 96

/**
 * One entry as CIDR blocks: `10.0.0.0/8`, `192.0.2.1`, `2001:db8::/32`, `loopback`, `private`. Undefined when it is
 * none of these; a block of everything (`/0`) is none either, for to trust everyone is to trust nobody's address.
 */
export function parseNetwork(text: string): readonly string[] | undefined {
  const word = WORDS[text.toLowerCase()]
  if (word !== undefined) return word
  const [, given = '', bitsText] = /^([^/%\s]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  if (isIP(given) === 0) return undefined
  const address = normalizeAddress(given)
  const isMapped = isIP(given) === 6 && isIP(address) === 4
  const bitsMax = isIP(address) === 4 ? 32 : 128
  const bits = bitsText === undefined ? bitsMax : Number(bitsText) - (isMapped ? MAPPED_BITS : 0)
  return bits >= 1 && bits <= bitsMax ? [`${address}/${bits}`] : undefined
}

export class Networks {
  readonly isEmpty: boolean
  readonly #blocks = new BlockList()

  /** CIDR blocks as `parseNetwork` gives them. */
  constructor(blocks: readonly string[]) {
    this.isEmpty = blocks.length === 0
    for (const block of blocks) {
      const [address, bits] = block.split('/') as [string, string]
      this.#blocks.addSubnet(address, Number(bits), familyOf(address))
    }
  }

  /** `address` is in its one spelling; what is no address is in no network. */
  has(address: string): boolean {
    return !this.isEmpty && isIP(address) !== 0 && this.#blocks.check(address, familyOf(address))
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4'
}
