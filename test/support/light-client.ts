/**
 * A client of the gateway that costs next to nothing, for crowds of thousands: it logs in as OpenIM's SDK does, hears
 * when and how it ends, and looks at nothing else that it is sent.
 */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { handshakeQuery } from '../../src/client/openim-handshake.js'
import type { PlatformId, UserId } from '../../src/presence/types.js'

/** One for all: nobody looks at what the server makes of it. */
const KEY = randomBytes(16).toString('base64')
const SWITCHING = Buffer.from('HTTP/1.1 101')
const END_OF_HEAD = Buffer.from('\r\n\r\n')
/** Masked with zeros, which leave the payload as it is: close with code 1000, and an empty ping. */
const GOODBYE = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])
const PING = Buffer.from([0x89, 0x80, 0, 0, 0, 0])
const TEXT = 1
const CLOSE = 8
const LENGTH_16 = 126
const LENGTH_64 = 127
/** How long a handshake may take, as in OpenIM's SDKs. */
const HANDSHAKE_MS = 10_000
const GOODBYE_MS = 3_000
/** Closed without a close frame. */
export const NO_CODE = 1006

export interface LightLogin {
  port: number
  userId: UserId
  platformId: PlatformId
  token: string
}

/** The gateway did not take the login. `errCode` 0 = it gave no reason. */
export class RefusedError extends Error {
  constructor(
    readonly errCode: number,
    why: string,
  ) {
    super(why)
  }
}

export class LightClient {
  /** Once, when the socket has gone after a login that was accepted, with the code of the close frame. */
  onEnd: (code: number) => void = () => {}
  isOpen = false
  #isUpgraded = false
  #closeCode = NO_CODE
  #unread: Buffer = Buffer.alloc(0)

  private constructor(private readonly socket: Socket) {}

  /** Resolves when the gateway has said that all is well; rejects with `RefusedError`. */
  static login(login: LightLogin): Promise<LightClient> {
    const socket = connect(login.port, '127.0.0.1')
    const client = new LightClient(socket)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(0, 'no verdict in time'), HANDSHAKE_MS)
      const fail = (errCode: number, why: string): void => {
        clearTimeout(timer)
        socket.destroy()
        reject(new RefusedError(errCode, why))
      }
      socket.setNoDelay(true)
      socket.on('error', (error) => {
        if (!client.isOpen) fail(0, error.message)
      })
      socket.on('close', () => {
        if (!client.isOpen) return fail(0, 'closed before a verdict')
        client.isOpen = false
        client.onEnd(client.#closeCode)
      })
      socket.on('data', (chunk) => {
        client.#take(chunk, (verdict) => {
          if (client.isOpen) return
          const errCode = errCodeOf(verdict)
          if (errCode !== 0) return fail(errCode ?? 0, verdict.slice(0, 200))
          clearTimeout(timer)
          client.isOpen = true
          resolve(client)
        })
      })
      socket.write(requestOf(login), 'latin1')
    })
  }

  /** A goodbye, as of a user who goes. `onEnd` follows. */
  leave(): void {
    this.socket.write(GOODBYE)
    // A gateway that hangs does not answer it.
    setTimeout(() => this.socket.destroy(), GOODBYE_MS).unref()
  }

  /** Break off without a goodbye. `onEnd` follows. */
  break(): void {
    this.socket.destroy()
  }

  ping(): void {
    this.socket.write(PING)
  }

  #take(chunk: Buffer, onText: (text: string) => void): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk])
    if (!this.#isUpgraded && !this.#passHead(onText)) return
    for (;;) {
      const frame = frameAt(this.#unread)
      if (frame === undefined) return
      this.#unread = this.#unread.subarray(frame.end)
      if (frame.opcode === TEXT) onText(frame.payload.toString())
      if (frame.opcode === CLOSE) {
        if (frame.payload.length >= 2) this.#closeCode = frame.payload.readUInt16BE(0)
        this.leave()
      }
    }
  }

  /** False = more must come. A head that is no upgrade is a verdict by its body. */
  #passHead(onText: (text: string) => void): boolean {
    const end = this.#unread.indexOf(END_OF_HEAD)
    if (end < 0) return false
    const rest = this.#unread.subarray(end + END_OF_HEAD.length)
    if (!this.#unread.subarray(0, SWITCHING.length).equals(SWITCHING)) {
      onText(rest.toString())
      return false
    }
    this.#unread = rest
    this.#isUpgraded = true
    return true
  }
}

function requestOf({ port, userId, platformId, token }: LightLogin): string {
  const query = handshakeQuery({ url: '', token, userId, platformId, isMsgResp: true })
  return (
    `GET /?${query} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`
  )
}

/** Undefined = that is no verdict. */
function errCodeOf(verdict: string): number | undefined {
  try {
    return (JSON.parse(verdict) as { errCode: number }).errCode
  } catch {
    return undefined
  }
}

/** The first whole frame; servers do not mask theirs. */
function frameAt(bytes: Buffer): { opcode: number; payload: Buffer; end: number } | undefined {
  if (bytes.length < 2) return undefined
  const short = bytes[1]! & 0x7f
  const head = short === LENGTH_64 ? 10 : short === LENGTH_16 ? 4 : 2
  if (bytes.length < head) return undefined
  const length = head === 10 ? Number(bytes.readBigUInt64BE(2)) : head === 4 ? bytes.readUInt16BE(2) : short
  if (bytes.length < head + length) return undefined
  return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(head, head + length), end: head + length }
}
