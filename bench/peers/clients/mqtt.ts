/**
 * MQTT 3.1.1 over TCP, and presence as MQTT's users do it: a retained message on a topic of one's own, which the last
 * will takes back. All at quality of service 0.
 */
import { connect, type Socket } from 'node:net'
import type { Target } from '../../../src/sdk/light-socket.js'
import type { Account } from '../peer.js'
import type { ClientEvents, PeerClient } from './client.js'

const CONNECT = 0x10
const CONNACK = 0x20
const PUBLISH = 0x30
const RETAINED = 0x01
const SUBSCRIBE = 0x82
const SUBACK = 0x90
const DISCONNECT = 0xe0

const KIND = 0xf0
const LEVEL_3_1_1 = 4
/** Clean session, a will that is retained, a user name and a password. */
const CONNECT_FLAGS = 0b1110_0110
/** Nobody is to be taken for dead, and nobody pings. */
const KEEP_ALIVE_S = 3_600
const PACKET_ID = 1
const ONLINE = '1'
const OFFLINE = '0'
const TOPIC = 'presence/'
/** The first bytes of a packet: its kind, and at most four bytes of its length. */
const HEADER_MAX = 5

export class MqttClient implements PeerClient {
  readonly #socket: Socket
  readonly #topic: string
  /** A packet that has not come whole. */
  #cut: Buffer | undefined

  constructor(
    { host, port }: Target,
    private readonly account: Account,
    private readonly events: ClientEvents,
  ) {
    this.#topic = `${TOPIC}${account.userId}`
    const socket = connect(port, host)
    this.#socket = socket
    socket.setNoDelay(true)
    let error = 'closed'
    socket.on('error', ({ message }) => {
      error = message
    })
    socket.on('close', () => events.ended(error))
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    const { userId, secret } = account
    const texts = [userId, this.#topic, OFFLINE, userId, secret].map(textField)
    const keepAlive = number16(KEEP_ALIVE_S)
    const start = [textField('MQTT'), Buffer.from([LEVEL_3_1_1, CONNECT_FLAGS]), keepAlive]
    socket.write(packet(CONNECT, ...start, ...texts))
  }

  watch(): void {
    const filters = this.account.watches.flatMap((userId) => [
      textField(`${TOPIC}${userId}`),
      Buffer.from([0]),
    ])
    this.#socket.write(packet(SUBSCRIBE, number16(PACKET_ID), ...filters))
  }

  leave(): void {
    // A goodbye discards the will.
    this.#socket.write(Buffer.concat([this.#presence(OFFLINE), packet(DISCONNECT)]))
  }

  #presence(state: string): Buffer {
    return packet(PUBLISH | RETAINED, textField(this.#topic), Buffer.from(state))
  }

  #take(chunk: Buffer): void {
    const data = this.#cut === undefined ? chunk : Buffer.concat([this.#cut, chunk])
    this.#cut = undefined
    let at = 0
    while (at < data.length) {
      const header = headerAt(data, at)
      if (header === undefined || header.end > data.length) {
        this.#cut = data.subarray(at)
        return
      }
      this.#hear(data[at]!, data.subarray(header.start, header.end))
      at = header.end
    }
  }

  #hear(first: number, body: Buffer): void {
    switch (first & KIND) {
      case CONNACK:
        if (body[1] !== 0) throw new Error(`refused: code ${body[1]}`)
        this.#socket.write(this.#presence(ONLINE))
        return this.events.loggedIn()
      case SUBACK:
        return this.events.watching()
      case PUBLISH: {
        const topicEnd = 2 + body.readUInt16BE(0)
        const userId = body.toString('latin1', 2 + TOPIC.length, topicEnd)
        const isOnline = body[topicEnd] === ONLINE.charCodeAt(0)
        // Who has left is retained as such, which is no news to somebody who begins to watch.
        if (!isOnline && (first & RETAINED) !== 0) return
        return this.events.told(userId, isOnline)
      }
      default:
        throw new Error(`unexpected packet ${first}`)
    }
  }
}

/** Where the body of the packet is that begins at `at`; undefined = its header is cut. */
function headerAt(data: Buffer, at: number): { start: number; end: number } | undefined {
  let length = 0
  for (let n = 1; n < HEADER_MAX && at + n < data.length; n++) {
    const byte = data[at + n]!
    length += (byte & 0x7f) << (7 * (n - 1))
    if (byte < 0x80) return { start: at + n + 1, end: at + n + 1 + length }
  }
  return undefined
}

function packet(first: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const header = [first]
  let rest = body.length
  do {
    header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>= 7
  } while (rest > 0)
  return Buffer.concat([Buffer.from(header), body])
}

function textField(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([number16(bytes.length), bytes])
}

function number16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}
