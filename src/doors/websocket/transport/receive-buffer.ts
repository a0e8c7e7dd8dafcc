/**
 * Bounds what the kernel keeps of a client that sends faster than it is read.
 *
 * uWebSockets.js reads a socket again and again while each read fills its 512 KiB, and gives no other socket a turn
 * meanwhile. Frames that reach no callback (empty fragments of a message that never ends) could hold a thread that way
 * for as long as they come. With a smaller receive buffer no read is ever full, and all sockets take turns.
 *
 * Neither the library nor Node can set the size for TCP. Node's UDP handle can, for any descriptor that it is given,
 * and accepted sockets inherit it from the listening one. So this borrows the descriptor of the listening socket: on
 * Linux, where /proc tells it. The handle is never closed, which would close the socket; one is kept for each listening
 * socket of the process's life. To be called on the main thread: handles of another thread are closed when it ends, by
 * numbers that may be another socket's by then.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** A full read is 524,288 bytes; the kernel doubles what it is asked for. A megabyte at 100 ms of way takes 0.8 s. */
const RECEIVE_BUFFER_BYTES = 131_072

const LISTENING = '0A'

interface UdpHandle {
  open(descriptor: number): number
  /** Undefined = it did not work. */
  bufferSize(bytes: number, isReceive: boolean, context: object): number | undefined
}

/** By inode, which names a socket for good; a descriptor is given to others later. */
const bounded = new Map<string, UdpHandle>()

/**
 * Returns how many listening sockets on the port are bounded: 0 where it cannot be. Once for each socket, so that it may
 * be called again when there may be a new one. Never throws.
 */
export function boundReceiveBuffers(port: number): number {
  try {
    const inodes = listeningInodes(port)
    return ownSockets().filter((socket) => inodes.has(socket.inode) && bound(socket)).length
  } catch {
    return 0
  }
}

function bound({ inode, descriptor }: OwnSocket): boolean {
  if (bounded.has(inode)) return true
  const { UDP } = bindingOf('udp_wrap')
  const handle = new UDP()
  if (handle.open(descriptor) !== 0) return false
  bounded.set(inode, handle)
  return handle.bufferSize(RECEIVE_BUFFER_BYTES, true, {}) !== undefined
}

/** Deprecated, and the only way there is; where it has gone, nothing is bounded. */
function bindingOf(name: string): { UDP: new () => UdpHandle } {
  return (process as unknown as { binding(name: string): { UDP: new () => UdpHandle } }).binding(name)
}

/** Columns of /proc/net/tcp: number, local address, remote address, state, ..., inode. */
function listeningInodes(port: number): Set<string> {
  const inodes = new Set<string>()
  for (const table of ['tcp', 'tcp6']) {
    for (const line of linesOf(`/proc/self/net/${table}`)) {
      const columns = line.trim().split(/\s+/)
      const localPort = Number.parseInt(columns[1]?.split(':')[1] ?? '', 16)
      if (columns[3] === LISTENING && localPort === port) inodes.add(columns[9]!)
    }
  }
  return inodes
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n')
  } catch {
    return [] // a machine without IPv6 has no table of it
  }
}

interface OwnSocket {
  descriptor: number
  inode: string
}

function ownSockets(): OwnSocket[] {
  return readdirSync('/proc/self/fd').flatMap((name) => {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/self/fd/${name}`))?.[1]
    return inode === undefined ? [] : [{ descriptor: Number(name), inode }]
  })
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // closed meanwhile
  }
}
