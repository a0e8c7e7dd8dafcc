/**
 * The crowd itself: WebSocket clients made of plain TCP sockets, which count frames by their headers and look no
 * further. What a whole client would cost a frame would hide what the server can do.
 */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { CrowdAnswer, CrowdOrder } from './crowd.js'
import { inParallel } from './gateway.js'

/** One for all: nobody looks at what the server makes of it. */
const KEY = randomBytes(16).toString('base64')
const SWITCHING = Buffer.from('HTTP/1.1 101')
const END_OF_HEAD = Buffer.from('\r\n\r\n')
const BINARY = 0x82
/** A close frame with code 1000, masked with zeros. */
const GOODBYE = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])
const MASKED = 0x80
const LENGTH_16 = 126

class Party {
  readonly members: Member[] = []
  /** Of each socket; undefined = nobody waits. */
  expected: number | undefined
  /** Sockets that have not got everything yet. */
  missing = 0

  expect(frames: number): void {
    for (const member of this.members) member.reset()
    this.expected = frames
    this.missing = this.members.length
  }

  /** A socket has got what it was to get. */
  satisfied(): void {
    if (--this.missing > 0) return
    this.expected = undefined
    answer({ verb: 'complete', atNs: process.hrtime.bigint() })
  }
}

class Member {
  frames = 0
  bytes = 0
  #onFrame: (() => void) | undefined
  /** Set once it is leaving: its end is no failure then. */
  onEnd: (() => void) | undefined
  /** Bytes of the frame under way that are still to come. */
  #rest = 0
  /** A header that was cut in two. */
  #head: Buffer | undefined

  constructor(
    private readonly party: Party,
    private readonly socket: Socket,
  ) {}

  onNextFrame(hear: () => void): void {
    this.#onFrame = hear
  }

  leave(): Promise<void> {
    return new Promise((resolve) => {
      this.onEnd = resolve
      this.socket.write(GOODBYE)
    })
  }

  reset(): void {
    this.frames = 0
    this.bytes = 0
  }

  take(chunk: Buffer): void {
    let data = chunk
    if (this.#head !== undefined) {
      data = Buffer.concat([this.#head, chunk])
      this.#head = undefined
    }
    let at = 0
    while (at < data.length) {
      if (this.#rest > 0) {
        const taken = Math.min(this.#rest, data.length - at)
        this.#rest -= taken
        at += taken
        if (this.#rest === 0) this.#framed()
        continue
      }
      const size = data.length - at < 2 ? 2 : (data[at + 1]! & 0x7f) === LENGTH_16 ? 4 : 2
      if (data.length - at < size) {
        this.#head = data.subarray(at)
        return
      }
      this.#rest = size === 4 ? data.readUInt16BE(at + 2) : data[at + 1]! & 0x7f
      this.bytes += this.#rest
      at += size
      if (this.#rest === 0) this.#framed()
    }
  }

  #framed(): void {
    this.frames++
    const hear = this.#onFrame
    this.#onFrame = undefined
    hear?.()
    if (this.frames === this.party.expected) this.party.satisfied()
  }
}

const parties = new Map<string, Party>()

function answer(message: CrowdAnswer): void {
  process.send!(message)
}

async function open(order: Extract<CrowdOrder, { verb: 'open' }>): Promise<void> {
  const { port, paths, frames, isGreeted, atOnce } = order
  const party = parties.get(order.party) ?? new Party()
  parties.set(order.party, party)
  const places = paths.map((path, at) => ({ request: requestOf(path, port), frame: frames?.[at] }))
  const startMs = performance.now()
  const cpuBefore = process.cpuUsage()
  await inParallel(places, atOnce, ({ request, frame }) => join(party, port, request, isGreeted, frame))
  const { user, system } = process.cpuUsage(cpuBefore)
  const seconds = (performance.now() - startMs) / 1_000
  answer({ verb: 'opened', seconds, cpuSeconds: (user + system) / 1e6 })
}

async function leave(name: string): Promise<void> {
  const { members } = parties.get(name)!
  parties.delete(name)
  await Promise.all(members.map((member) => member.leave()))
  answer({ verb: 'left' })
}

function requestOf(path: string, port: number): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`
  )
}

function join(
  party: Party,
  port: number,
  request: string,
  isGreeted: boolean,
  frame: string | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const member = new Member(party, socket)
    let head: Buffer | undefined
    let isUpgraded = false
    let joinedMs = 0
    const ask = () => {
      if (frame === undefined) return resolve()
      member.onNextFrame(resolve)
      send(socket, Buffer.from(frame, 'base64'))
    }
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.on('close', () => {
      if (!isUpgraded)
        return reject(new Error(`a socket was closed before its upgrade; it had heard: ${head}`))
      if (member.onEnd !== undefined) return member.onEnd()
      const age = `${Math.round(performance.now() - joinedMs)} ms after its upgrade, ${member.frames} frames`
      answer({ verb: 'failed', reason: `the server on port ${port} closed a socket of the crowd ${age}` })
    })
    socket.on('data', (chunk: Buffer) => {
      if (isUpgraded) return member.take(chunk)
      head = head === undefined ? chunk : Buffer.concat([head, chunk])
      const end = head.indexOf(END_OF_HEAD)
      if (end < 0) return
      if (!head.subarray(0, SWITCHING.length).equals(SWITCHING)) {
        return socket.destroy(new Error(`refused: ${head}`))
      }
      const rest = head.subarray(end + END_OF_HEAD.length)
      head = undefined
      isUpgraded = true
      joinedMs = performance.now()
      party.members.push(member)
      if (isGreeted) member.onNextFrame(ask)
      else ask()
      member.take(rest)
    })
    socket.write(request, 'latin1')
  })
}

/** A client must mask its frames; a mask of zeros leaves them as they are. At most 64 KiB. */
function send(socket: Socket, payload: Buffer): void {
  const isShort = payload.length < LENGTH_16
  const header = Buffer.alloc(isShort ? 6 : 8)
  header[0] = BINARY
  header[1] = MASKED | (isShort ? payload.length : LENGTH_16)
  if (!isShort) header.writeUInt16BE(payload.length, 2)
  socket.write(Buffer.concat([header, payload]))
}

process.on('message', (order: CrowdOrder) => {
  if (order.verb === 'open' || order.verb === 'leave') {
    const done = order.verb === 'open' ? open(order) : leave(order.party)
    done.catch((error: Error) => answer({ verb: 'failed', reason: error.message }))
    return
  }
  const party = parties.get(order.party)!
  if (order.verb === 'expect') {
    party.expect(order.frames)
    answer({ verb: 'expecting' })
    return
  }
  const frames = party.members.map((member) => member.frames)
  const bytes = party.members.reduce((sum, member) => sum + member.bytes, 0)
  answer({ verb: 'counted', least: Math.min(...frames), most: Math.max(...frames), bytes })
})
// Whoever started the crowd has gone.
process.on('disconnect', () => process.exit(0))
