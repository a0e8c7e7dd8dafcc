/** What the kernel holds for sockets, as far as it says so. */
import { readFileSync } from 'node:fs'

/** Objects of which a TCP socket in an epoll set has one: itself, its inode, its file, its place in the set. */
const CACHES = ['TCP', 'TCPv6', 'sock_inode_cache', 'filp', 'eventpoll_epi']

/**
 * Bytes for all sockets of this machine, both ends of those on loopback; what is on its way in their buffers is not
 * included. Undefined = this user may not read it, or the kernel does not tell.
 */
export function kernelSocketBytes(): number | undefined {
  try {
    const caches = readFileSync('/proc/slabinfo', 'utf8').split('\n')
    return caches.reduce((sum, line) => sum + bytesOf(line), 0)
  } catch {
    return undefined
  }
}

/** A line is: name, objects in use, objects, bytes of each... */
function bytesOf(line: string): number {
  const [name = '', , count, size] = line.split(/\s+/)
  return CACHES.includes(name) ? Number(count) * Number(size) : 0
}
