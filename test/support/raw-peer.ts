/** A WebSocket client at the level of bytes: whatever frames, in whatever pieces, and what comes back frame by frame. */
import { connect, type Socket } from 'node:net'
import { handshakeText } from './raw-http.js'
import { frame, Opcode } from './raw-socket.js'

const END_OF_HEAD = '\r\n\r\n'

export interface Frame {
  opcode: number
  payload: Buffer
  isFinal: boolean
  rsv: number
}

/** What a peer has seen when its connection is over. */
export interface Ending {
  frames: Frame[]
  /** Of the close frame; 1005 = it had none, 1006 = there was no close frame. */
  closeCode: number
}

/** A frame of a client with reserved bits (0 to 7) and a mask that changes every byte. */
export function maskedFrame(
  opcode: number,
  payload: Uint8Array | string,
  { isFinal = true, rsv = 0 } = {},
): Buffer {
  const bytes = frame(opcode, Buffer.from(payload), isFinal)
  bytes[0]! |= rsv << 4
  const mask = bytes.length - payloadLength(bytes) - 4
  for (let i = 0; i < 4; i++) bytes[mask + i] = 0x37 + i * 0x4b
  for (let at = mask + 4; at < bytes.length; at++) bytes[at]! ^= bytes[mask + ((at - mask) % 4)]!
  return bytes
}

function payloadLength(bytes: Buffer): number {
  const short = bytes[1]! & 0x7f
  return short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
}

export class RawPeer {
  /** The answer to the handshake, in one text. */
  head = ''
  readonly #frames: Frame[] = []
  #heard = Buffer.alloc(0)
  #isOver = false
  #wake: () => void = () => {}

  private constructor(readonly socket: Socket) {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => this.#take(bytes))
    socket.on('close', () => {
      this.#isOver = true
      this.#wake()
    })
  }

  /** A TCP connection on which nothing was written yet. */
  static connect(port: number): RawPeer {
    return new RawPeer(connect(port, '127.0.0.1'))
  }

  /** Resolves when the handshake is answered, whatever the answer. */
  static async open(port: number, { path = '/', headers = [] as string[] } = {}): Promise<RawPeer> {
    const peer = RawPeer.connect(port)
    peer.socket.write(handshakeText(path, ...headers))
    while (peer.head === '' && !peer.#isOver) await peer.#news()
    return peer
  }

  /** The frames that have come so far and were not taken before; waits for the first. Undefined = it is over. */
  async next(): Promise<Frame | undefined> {
    while (this.#frames.length === 0 && !this.#isOver) await this.#news()
    return this.#frames.shift()
  }

  /** All that still comes, until the other side has closed TCP. */
  async end(): Promise<Ending> {
    while (!this.#isOver) await this.#news()
    const close = this.#frames.find(({ opcode }) => opcode === Opcode.close)
    const code = close === undefined ? 1006 : close.payload.length < 2 ? 1005 : close.payload.readUInt16BE()
    return { frames: this.#frames.splice(0), closeCode: code }
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #take(bytes: Buffer): void {
    this.#heard = Buffer.concat([this.#heard, bytes])
    if (this.head === '') {
      const end = this.#heard.indexOf(END_OF_HEAD)
      if (end < 0) return
      this.head = this.#heard.toString('latin1', 0, end)
      this.#heard = this.#heard.subarray(end + END_OF_HEAD.length)
    }
    for (let read = readFrame(this.#heard); read !== undefined; read = readFrame(this.#heard)) {
      this.#frames.push(read.frame)
      // As a client does that has seen the end: some servers wait for it, for seconds.
      if (read.frame.opcode === Opcode.close) this.socket.end(frame(Opcode.close, read.frame.payload))
      this.#heard = this.#heard.subarray(read.bytes)
    }
    this.#wake()
  }
}

/** Frames of servers are not masked. */
function readFrame(bytes: Buffer): { frame: Frame; bytes: number } | undefined {
  if (bytes.length < 2) return undefined
  const short = bytes[1]! & 0x7f
  const start = short < 126 ? 2 : short === 126 ? 4 : 10
  if (bytes.length < start) return undefined
  const length = payloadLength(bytes)
  if (bytes.length < start + length) return undefined
  const [first] = bytes
  return {
    frame: {
      opcode: first! & 0x0f,
      isFinal: (first! & 0x80) !== 0,
      rsv: (first! >> 4) & 7,
      payload: Buffer.from(bytes.subarray(start, start + length)),
    },
    bytes: start + length,
  }
}
