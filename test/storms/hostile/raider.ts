/** One attacker: an address of its own, sockets at the level of bytes, and a tally of what the gateway did about it. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { CloseCode } from '../../../src/openim/close-codes.js'
import { Platform } from '../../../src/openim/platforms.js'
import { handshakeQuery } from '../../../src/sdk/openim-handshake.js'
import { handshakeText } from '../../support/raw-http.js'
import { frame, Opcode } from '../../support/raw-socket.js'
import { count, type Field, newTally, type Tally } from './field.js'

/** Before it comes back after its socket was ended. */
const BACK_MS = 300
const VERDICT_MS = 5_000
/** A socket that takes nothing for so long has been slowed. */
const SLOWED_MS = 1_000

export interface RaidSocket {
  socket: Socket
  /** Resolves when either side has ended it. */
  gone: Promise<void>
  /** End it from this side, after what was written. */
  leave(): void
}

export class Raider {
  readonly tally: Tally = newTally()
  readonly #endsMs: number

  constructor(
    readonly field: Field,
    readonly name: string,
    /** Loopback, and its alone. */
    readonly address: string,
  ) {
    this.#endsMs = performance.now() + field.seconds * 1_000
  }

  get isOver(): boolean {
    return performance.now() >= this.#endsMs
  }

  get leftMs(): number {
    return Math.max(0, this.#endsMs - performance.now())
  }

  token(platformId = 5, userId = this.name): string {
    return this.field.tokens[`${userId} ${platformId}`]!
  }

  /** Do it again and again, with a pause between, until the raid is over. */
  async repeat(once: () => Promise<unknown>, pauseMs = BACK_MS): Promise<void> {
    while (!this.isOver) {
      await once()
      await sleep(Math.min(pauseMs, this.leftMs))
    }
  }

  /** Open TCP; undefined = refused. */
  async tcp(port: number): Promise<Socket | undefined> {
    const socket = connect({ port, host: '127.0.0.1', localAddress: this.address })
    socket.on('error', () => {})
    const isOpen = await Promise.race([
      once(socket, 'connect').then(
        () => true,
        () => false,
      ),
      sleep(VERDICT_MS, false, { ref: false }),
    ])
    if (isOpen) return socket
    socket.destroy()
    this.tally.refused++
    return undefined
  }

  handshake(
    options: { sdkType?: 'js' | 'go'; gzip?: boolean; token?: string; userId?: string } = {},
  ): string {
    const { sdkType = 'js', gzip = false, userId = this.name, token = this.token(5, userId) } = options
    const query = handshakeQuery({
      url: '',
      token,
      userId,
      platformId: Platform.Web,
      isMsgResp: true,
      sdkType,
      compression: gzip,
    })
    return handshakeText(`/?${query}`)
  }

  /** Log in, and count what the gateway says from then on; undefined = not let in. */
  async login(options: Parameters<Raider['handshake']>[0] = {}): Promise<RaidSocket | undefined> {
    const socket = await this.tcp(this.field.wsPort)
    if (socket === undefined) return undefined
    socket.write(this.handshake(options))
    let heard = ''
    while (!heard.includes('"errCode":0')) {
      const data = await Promise.race([
        once(socket, 'data').catch(() => undefined),
        closed(socket).then(() => undefined),
        sleep(VERDICT_MS, undefined, { ref: false }),
      ])
      if (data === undefined || heard.includes('"errCode":')) {
        const code = /"errCode":(\d+)/.exec(heard)?.[1]
        if (code !== undefined) count(this.tally.errors, code)
        this.tally.refused++
        socket.destroy()
        return undefined
      }
      heard += String(data)
    }
    this.tally.connected++
    let closeCode: number = CloseCode.NoCloseFrame
    let isOurs = false
    socket.on('data', (data: Buffer) => {
      closeCode = this.#listen(data) ?? closeCode
    })
    const gone = closed(socket).then(() => {
      if (!isOurs && !this.isOver) count(this.tally.closed, closeCode)
    })
    const overTimer = setTimeout(() => {
      isOurs = true
      socket.destroy()
    }, this.leftMs)
    void gone.then(() => clearTimeout(overTimer))
    const leave = () => {
      isOurs = true
      socket.end()
    }
    return { socket, gone, leave }
  }

  /** Write as fast as the socket takes it, or so many times a second, until it is gone. */
  async pour(
    { socket, gone }: RaidSocket,
    bytes: () => Buffer,
    perS = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    let isGone = false
    void gone.then(() => {
      isGone = true
    })
    while (!isGone && !this.isOver) {
      const isTaken = socket.write(bytes())
      if (perS !== Number.POSITIVE_INFINITY) await sleep(1_000 / perS)
      if (isTaken) await new Promise((resolve) => setImmediate(resolve))
      else await this.#drained(socket, gone)
    }
    if (this.isOver) socket.destroy()
  }

  async #drained(socket: Socket, gone: Promise<void>): Promise<void> {
    const drained = once(socket, 'drain').catch(() => {})
    const isSlow = await Promise.race([
      drained.then(() => false),
      gone.then(() => false),
      sleep(SLOWED_MS, true, { ref: false }),
    ])
    if (isSlow) this.tally.slowed++
    await Promise.race([drained, gone, sleep(this.leftMs, undefined, { ref: false })])
  }

  /** Enough of the frames that come to know error codes and the code of a close frame. */
  #listen(data: Buffer): number | undefined {
    if (data.length >= 4 && data[0] === 0x88 && data[1]! >= 2 && data[1]! < 126) return data.readUInt16BE(2)
    const text = data.toString('latin1')
    for (const [, code] of text.matchAll(/"errCode":(\d+)/g)) {
      this.tally.answers++
      if (code !== '0') count(this.tally.errors, code!)
    }
    const closeAt = data.length - 4
    return closeAt >= 0 && data[closeAt] === 0x88 && data[closeAt + 1] === 2
      ? data.readUInt16BE(closeAt + 2)
      : undefined
  }
}

/** Unlike `once` of node:events, an error before it does not matter. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

/** A binary frame with a request. */
export function request(userId: string, reqIdentifier: number, data: Uint8Array, gzip = false): Buffer {
  const body = JSON.stringify({
    reqIdentifier,
    sendID: userId,
    operationID: '1',
    msgIncr: '1',
    data: Buffer.from(data).toString('base64'),
  })
  return frame(Opcode.binary, gzip ? gzipSync(body) : Buffer.from(body))
}

/** A repeated string field of protobuf. */
export function strings(field: number, values: string[]): Buffer {
  return Buffer.concat(
    values.map((value) => Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), Buffer.from(value)])),
  )
}
