/**
 * A WebSocket client made of a plain TCP socket. It reads the headers of frames and looks no further unless it is
 * told to: what a whole client costs a frame would hide what the server can do.
 */

import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { CloseCode } from '../openim/close-codes.js'

/** One for all: nobody looks at what the server makes of it. */
const KEY = randomBytes(16).toString('base64')
const SWITCHING = 'HTTP/1.1 101'
const END_OF_HEAD = '\r\n\r\n'
/** Longer answers to an upgrade are not read. */
const ANSWER_BYTES_MAX = 65_536

const OPCODE = 0x0f
const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10
const FINAL = 0x80
const MASKED = 0x80
const LENGTH = 0x7f
const LENGTH_16 = 126
const LENGTH_64 = 127
const TWO_32 = 0x1_0000_0000
/** Code 1000, as it stands in a close frame. */
const NORMAL = Buffer.from([0x03, 0xe8])

export interface Target {
  host: string
  port: number
  /** TLS; default false. */
  isSecure?: boolean
  /** The WebSocket subprotocol to ask for; default none. */
  protocol?: string
}

/** Why a socket is no more. */
export interface SocketEnd {
  isUpgraded: boolean
  /** Of the server's close frame; undefined when it sent none. */
  closeCode: number | undefined
  /** What the server said instead of an upgrade: head and body as they came; '' = nothing. */
  answer: string
  /** Of the operating system, such as ECONNREFUSED, or 'TIMEOUT'; undefined when the socket just ended. */
  error: string | undefined
}

/** `onUpgraded` is called first, `onEnded` exactly once and last. */
export abstract class LightSocket {
  /** Whether `onFrame` gets the payloads of frames that begin from now on. */
  protected readsPayloads = false
  readonly #socket: Socket
  #isUpgraded = false
  /** The answer to the upgrade, while it is incomplete. */
  #answer: Buffer | undefined
  /** Bytes of the frame under way that are still to come. */
  #rest = 0
  #length = 0
  #opcode = 0
  /** Of the frame under way, when its payload is wanted. */
  #parts: Buffer[] | undefined
  /** A header that was cut in two. */
  #cut: Buffer | undefined
  #closeCode: number | undefined
  #error: string | undefined

  /** `path` with its query. `timeoutMs`: how long the upgrade may take; 0 = as long as it likes. */
  constructor({ host, port, isSecure = false, protocol }: Target, path: string, timeoutMs = 0) {
    const socket = isSecure ? connectTls({ host, port, servername: host }) : connect(port, host)
    this.#socket = socket
    socket.setNoDelay(true)
    if (timeoutMs > 0) this.endWithin(timeoutMs)
    socket.on('timeout', () => {
      this.#error ??= 'TIMEOUT'
      socket.destroy()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error ??= error.code ?? error.message
    })
    socket.on('close', () =>
      this.onEnded({
        isUpgraded: this.#isUpgraded,
        closeCode: this.#closeCode,
        answer: this.#answer?.toString('latin1') ?? '',
        error: this.#error,
      }),
    )
    socket.on('data', (chunk: Buffer) => (this.#isUpgraded ? this.#take(chunk) : this.#takeAnswer(chunk)))
    const name = host.includes(':') ? `[${host}]` : host
    const asked = protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${name}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${asked}\r\n`,
      'latin1',
    )
  }

  protected abstract onUpgraded(): void
  /** A frame of data has come whole; `length` in bytes. */
  protected abstract onFrame(length: number, payload: Buffer | undefined, isText: boolean): void
  protected abstract onEnded(end: SocketEnd): void
  /** A ping has come, and was answered. */
  protected onPing(): void {}

  /** Send a binary frame. */
  send(payload: Uint8Array): void {
    this.#write(BINARY, payload)
  }

  /** Send a text frame. */
  sendText(text: string): void {
    this.#write(TEXT, Buffer.from(text))
  }

  ping(): void {
    this.#write(PING, Buffer.alloc(0))
  }

  /** A close frame; the server ends the socket then. */
  goodbye(): void {
    this.#write(CLOSE, NORMAL)
  }

  /** End without a word, as a network that drops does. */
  breakOff(): void {
    this.#socket.resetAndDestroy()
  }

  /** End when nothing has come or gone for so long; 0 = never. */
  endWithin(ms: number): void {
    this.#socket.setTimeout(ms)
  }

  #takeAnswer(chunk: Buffer): void {
    const answer = this.#answer === undefined ? chunk : Buffer.concat([this.#answer, chunk])
    this.#answer = answer
    const end = answer.indexOf(END_OF_HEAD)
    if (end < 0) {
      if (answer.length > ANSWER_BYTES_MAX) this.#socket.destroy()
      return
    }
    const body = answer.subarray(end + END_OF_HEAD.length)
    const head = answer.toString('latin1', 0, end)
    if (!head.startsWith(SWITCHING)) {
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? ANSWER_BYTES_MAX)
      if (body.length >= Math.min(length, ANSWER_BYTES_MAX)) this.#socket.destroy()
      return
    }
    this.#answer = undefined
    this.#isUpgraded = true
    this.endWithin(0)
    this.onUpgraded()
    this.#take(body)
  }

  #take(chunk: Buffer): void {
    let data = chunk
    if (this.#cut !== undefined) {
      data = Buffer.concat([this.#cut, chunk])
      this.#cut = undefined
    }
    let at = 0
    while (at < data.length) {
      if (this.#rest > 0) {
        const taken = Math.min(this.#rest, data.length - at)
        this.#parts?.push(data.subarray(at, at + taken))
        this.#rest -= taken
        at += taken
        if (this.#rest === 0) this.#framed()
        continue
      }
      const size = data.length - at < 2 ? 2 : headerSize(data[at + 1]! & LENGTH)
      if (data.length - at < size) {
        this.#cut = data.subarray(at)
        return
      }
      this.#opcode = data[at]! & OPCODE
      this.#length = size === 2 ? data[at + 1]! & LENGTH : lengthAt(data, at + 2, size)
      this.#parts = this.readsPayloads || this.#opcode >= CLOSE ? [] : undefined
      this.#rest = this.#length
      at += size
      if (this.#rest === 0) this.#framed()
    }
  }

  #framed(): void {
    const parts = this.#parts
    this.#parts = undefined
    const payload = parts === undefined || parts.length === 1 ? parts?.[0] : Buffer.concat(parts)
    if (this.#opcode < CLOSE) this.onFrame(this.#length, payload, this.#opcode === TEXT)
    else if (this.#opcode === PING) {
      this.#write(PONG, payload!)
      this.onPing()
    } else if (this.#opcode === CLOSE) {
      this.#closeCode = payload!.length >= 2 ? payload!.readUInt16BE(0) : CloseCode.NoCode
      this.goodbye()
      this.#socket.end()
    }
  }

  /** A client must mask its frames; a mask of zeros leaves them as they are. At most 64 KiB. */
  #write(opcode: number, payload: Uint8Array): void {
    if (!this.#socket.writable) return
    const isShort = payload.length < LENGTH_16
    const frame = Buffer.alloc((isShort ? 6 : 8) + payload.length)
    frame[0] = FINAL | opcode
    frame[1] = MASKED | (isShort ? payload.length : LENGTH_16)
    if (!isShort) frame.writeUInt16BE(payload.length, 2)
    frame.set(payload, frame.length - payload.length)
    this.#socket.write(frame)
  }
}

function headerSize(length: number): number {
  return length === LENGTH_16 ? 4 : length === LENGTH_64 ? 10 : 2
}

function lengthAt(data: Buffer, at: number, headerSize: number): number {
  return headerSize === 4 ? data.readUInt16BE(at) : data.readUInt32BE(at) * TWO_32 + data.readUInt32BE(at + 4)
}
