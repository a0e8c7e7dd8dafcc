/**
 * The crowd itself: WebSocket clients made of plain TCP sockets, which count frames by their headers and look no
 * further. What a whole client would cost a frame would hide what the server can do.
 */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { CrowdAnswer, CrowdOrder } from './crowd.js'
import { inParallel } from './gateway.js'

const OPENS_IN_FLIGHT = 64
const END_OF_HEAD = Buffer.from('\r\n\r\n')
const BINARY = 0x82
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
  onFrame: (() => void) | undefined
  /** Bytes of the frame under way that are still to come. */
  #rest = 0
  /** A header that was cut in two. */
  #head: Buffer | undefined

  constructor(private readonly party: Party) {}

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
    this.onFrame?.()
    if (this.frames === this.party.expected) this.party.satisfied()
  }
}

const parties = new Map<string, Party>()

function answer(message: CrowdAnswer): void {
  process.send!(message)
}

async function open(order: Extract<CrowdOrder, { verb: 'open' }>): Promise<void> {
  const party = parties.get(order.party) ?? new Party()
  parties.set(order.party, party)
  const places = order.paths.map((path, at) => ({ path, frame: order.frames?.[at] }))
  await inParallel(places, OPENS_IN_FLIGHT, ({ path, frame }) => join(party, order.port, path, frame))
  answer({ verb: 'opened', count: party.members.length })
}

function join(party: Party, port: number, path: string, frame: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const member = new Member(party)
    let head: Buffer | undefined = Buffer.alloc(0)
    let joinedMs = 0
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.on('close', () => {
      if (head === undefined) {
        const age = `${Math.round(performance.now() - joinedMs)} ms after its upgrade, ${member.frames} frames`
        answer({ verb: 'failed', reason: `the server on port ${port} closed a socket of the crowd ${age}` })
      } else reject(new Error(`a socket was closed before its upgrade; it had heard: ${head}`))
    })
    socket.on('data', (chunk: Buffer) => {
      if (head === undefined) return member.take(chunk)
      head = Buffer.concat([head, chunk])
      const end = head.indexOf(END_OF_HEAD)
      if (end < 0) return
      if (!head.toString('latin1').startsWith('HTTP/1.1 101')) {
        return socket.destroy(new Error(`refused: ${head}`))
      }
      const rest = head.subarray(end + END_OF_HEAD.length)
      head = undefined
      joinedMs = performance.now()
      party.members.push(member)
      if (frame === undefined) resolve()
      else {
        member.onFrame = () => {
          member.onFrame = undefined
          resolve()
        }
        send(socket, Buffer.from(frame, 'base64'))
      }
      member.take(rest)
    })
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    )
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
  if (order.verb === 'open') {
    open(order).catch((error: Error) => answer({ verb: 'failed', reason: error.message }))
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
