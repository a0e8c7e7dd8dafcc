/** Attacks by requests that weigh more than they seem to. */
import { gzipSync } from 'node:zlib'
import { RequestId } from '../../../src/openim/requests.js'
import { frame, Opcode } from '../../support/raw-socket.js'
import type { Attack } from './attacks.js'
import { type Raider, request, strings } from './raider.js'

const WATCH = 1
const UNWATCH = 2
/** Below REQUESTS_PER_S_MAX. */
const PER_S = 60
/** For the buffers of both kernels to fill. */
const SLOW_S = 25

interface Options {
  gzip?: boolean
  sdkType?: 'js' | 'go'
  perS?: number
}

/** Log in, and send one frame after another. */
function asks(bytesFor: (raider: Raider) => (n: number) => Buffer, options: Options = {}) {
  return async (raider: Raider): Promise<void> => {
    const bytes = bytesFor(raider)
    await raider.repeat(async () => {
      const socket = await raider.login(options)
      if (socket === undefined) return
      let n = 0
      await raider.pour(socket, () => bytes(n++), options.perS ?? PER_S)
    })
  }
}

/** The same frame again and again. */
function same(bytesFor: (raider: Raider) => Buffer, options: Options = {}) {
  return asks((raider) => {
    const bytes = bytesFor(raider)
    return () => bytes
  }, options)
}

/** 2005 in one list, zipped. */
function lists(field: number, values: () => string[]) {
  return same(({ name }) => request(name, RequestId.SubscribeStatus, strings(field, values()), true), {
    gzip: true,
  })
}

const repeated = (times: number): string[] => Array(times).fill('x')

/** Watch other users again and again, and let go of those before. */
const churn = asks(
  ({ name }) => {
    let before: string[] = []
    let round = 0
    return (n) => {
      if (n % 2 === 1) return request(name, RequestId.SubscribeStatus, strings(UNWATCH, before), true)
      round++
      before = Array.from({ length: 900 }, (_, at) => `${name}${round}-${at}`.padEnd(100, 'x'))
      return request(name, RequestId.SubscribeStatus, strings(WATCH, before), true)
    }
  },
  { gzip: true },
)

/** A gob definition with very many fields, then a good value. */
function gobDefinition(fields: Buffer, fieldCount: number): Buffer {
  const field = (name: string, id: number) =>
    Buffer.from([1, name.length, ...Buffer.from(name), 1, id * 2, 0])
  const total = fieldCount + 2
  const inner = Buffer.concat([
    Buffer.from([0xff, 0x81, 3, 2, 0xfd, total >> 16, (total >> 8) & 255, total & 255]),
    field('ReqIdentifier', 2),
    field('SendID', 6),
    fields,
    Buffer.from([0, 0]),
  ])
  const size = Buffer.alloc(4, 0xfd)
  size.writeUIntBE(inner.length, 1, 3)
  const value = Buffer.from([0xff, 0x82, 1, 0xfe, 0x0f, 0xa8, 1, 1, 0x67, 0])
  return frame(Opcode.binary, gzipSync(Buffer.concat([size, inner, Buffer.from([value.length]), value])))
}

const zipped = (bytes: Buffer): Buffer => frame(Opcode.binary, gzipSync(bytes))
const manyKeys = Buffer.from(`{${Array.from({ length: 4_600 }, (_, n) => `"k${n}":0`).join()}}`)
const deep = Buffer.from(`{"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`)
const numbers = Buffer.from(`{"reqIdentifier":${'9'.repeat(48_000)}}`)
const go: Options = { sdkType: 'go', gzip: true }

export const requestAttacks: Attack[] = [
  { name: 'watch-churn', run: churn },
  { name: 'watch-churn-2', run: churn },
  { name: 'watch-one-often', run: lists(WATCH, () => repeated(129_000)) },
  { name: 'unwatch-one-often', run: lists(UNWATCH, () => repeated(129_000)) },
  { name: 'a-bad-id-at-the-end', run: lists(WATCH, () => [...repeated(128_000), 'a:b']) },
  { name: 'empty-ids', run: lists(WATCH, () => Array(250_000).fill('')) },
  { name: 'gob-nameless-fields', run: same(() => gobDefinition(Buffer.alloc(524_000), 524_000), go) },
  {
    name: 'gob-named-fields',
    run: same(
      () => gobDefinition(Buffer.concat(Array(87_000).fill(Buffer.from([1, 1, 97, 1, 4, 0]))), 87_000),
      go,
    ),
  },
  { name: 'gob-noise', run: same(() => zipped(Buffer.alloc(500_000, 0xff)), go) },
  { name: 'json-many-keys', run: same(() => frame(Opcode.binary, manyKeys)) },
  { name: 'json-deep', run: same(() => zipped(deep), { gzip: true }) },
  { name: 'json-long-number', run: same(() => frame(Opcode.binary, numbers)) },
  {
    name: 'gzip-bomb',
    run: same(() => frame(Opcode.binary, gzipSync(Buffer.alloc(20_000_000))), { gzip: true }),
  },
  {
    name: 'gzip-empty-members',
    run: same(() => frame(Opcode.binary, Buffer.concat(Array(2_000).fill(gzipSync('')))), { gzip: true }),
  },
  {
    name: 'gzip-just-below',
    run: same(
      ({ name }) =>
        zipped(Buffer.from(`{"reqIdentifier":2004,"sendID":"${name}","x":"${'x'.repeat(520_000)}"}`)),
      { gzip: true },
    ),
  },
  {
    name: 'protobuf-unknown-fields',
    run: same(
      ({ name }) =>
        request(
          name,
          RequestId.SubscribeStatus,
          Buffer.concat(Array(60_000).fill(Buffer.from([0x7a, 0]))),
          true,
        ),
      { gzip: true },
    ),
  },
  {
    name: 'background-toggles',
    run: asks(
      ({ name }) =>
        (n) =>
          request(name, RequestId.SetBackground, Buffer.from([0x10, n % 2])),
      { perS: 1_000 },
    ),
  },
  { name: 'unknown-requests', run: same(({ name }) => request(name, 4711, Buffer.alloc(0))) },
  {
    name: 'slow-reader',
    turnS: SLOW_S,
    run: (raider) =>
      raider.repeat(async () => {
        const socket = await raider.login()
        if (socket === undefined) return
        socket.socket.pause()
        const ids = Array.from({ length: 900 }, (_, n) => `slow-${n}`)
        await raider.pour(
          socket,
          () => request(raider.name, RequestId.SubscribeStatus, strings(WATCH, ids)),
          PER_S,
        )
      }),
  },
]
