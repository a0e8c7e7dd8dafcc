/**
 * A live node of each transport, in a process of its own, to which raw sockets write changed handshakes and, after a
 * good login, changed frames. Honest clients beside them have to be answered all the time; after it nothing may be left
 * of the others, and nothing may have failed.
 */

import { FRAME_ENCODINGS, type FrameEncoding } from '../../src/openim/codec/encodings.js'
import { SubUserOnlineStatus } from '../../src/openim/proto/openim.js'
import { RequestId } from '../../src/openim/requests.js'
import { mulberry32 } from '../../src/runtime/testkit/world.js'
import { Admin } from '../../src/sdk/admin.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { handshakeQuery } from '../../src/sdk/openim-handshake.js'
import { ChildNode } from '../support/child-node.js'
import { noNativeTransport, SECRET, type Teardown } from '../support/node.js'
import { maskedFrame, RawPeer } from '../support/raw-peer.js'
import { Opcode } from '../support/raw-socket.js'
import { withTeardown } from '../support/teardown.js'
import { type Material, mutate } from './engine/mutate.js'

export const LIVE = {
  name: 'live',
  what: 'a node of each transport: honest clients are answered beside changed handshakes and frames',
}

const LANES = 6
const PLATFORM = 5
/** An honest request that takes longer was not answered; longer than a busy machine needs. */
const ANSWER_MS = 15_000
const ASK_EVERY_MS = 50
/** How long one that attacks waits for the other side to close before it goes. */
const PATIENCE_MS = 50
const BYTES_MAX = 8_192
const FRAMES_MAX = 20
/** How long it may take until nothing of the attackers is left. */
const SETTLE_MS = 15_000

export interface LiveOptions {
  seed: number
  /** For each transport, at most; and exchanges, at most. */
  ms: number
  exchangesMax?: number
  say(line: string): void
}

/** What was wrong, in words; nothing = nothing. */
export async function runLive(options: LiveOptions): Promise<string[]> {
  const names = noNativeTransport === false ? ['uws', 'ws'] : ['ws']
  const faults: string[] = []
  for (const name of names) {
    const part = { ...options, ms: options.ms / names.length }
    const found = await withTeardown((test) => attack(test, name, part))
    faults.push(...found.map((fault) => `${name}: ${fault}`))
  }
  return faults
}

async function attack(
  test: Teardown,
  transport: string,
  { seed, ms, exchangesMax = Infinity, say }: LiveOptions,
): Promise<string[]> {
  const node = await ChildNode.start(test, {
    TRANSPORT: transport,
    LOGINS_PER_MIN_PER_USER: '1000000',
    LOGINS_PER_MIN_PER_ADDRESS: '10000000',
    OFFLINE_GRACE_MS: '100',
  })
  const faults: string[] = []
  try {
    const admin = new Admin(node.apiUrl, SECRET)
    const honest = await Promise.all(
      ['ann', 'bob', 'cleo'].map((userId, at) => honestClient(node, admin, userId, at)),
    )
    const startedMs = performance.now()
    const state = { exchanges: 0, isOver: false }
    const isDue = () => state.exchanges >= exchangesMax || performance.now() - startedMs > ms
    const asking = honest.map((client) => ask(client, state, faults))
    const token = await admin.userToken('eve', PLATFORM)
    const lanes = Array.from({ length: LANES }, async (_, at) => {
      const material = materialOf(seed + at)
      while (!isDue() && faults.length === 0) {
        state.exchanges++
        await exchange(node.wsPort, token, material)
      }
    })
    await Promise.all(lanes)
    state.isOver = true
    const answered = (await Promise.all(asking)).reduce((sum, count) => sum + count, 0)
    faults.push(...(await remains(node, honest.length)))
    say(`${LIVE.name} ${transport}: ${state.exchanges} exchanges, ${answered} honest requests were answered`)
    for (const client of honest) client.terminate()
  } catch (error) {
    faults.push(String((error as Error).stack))
  }
  return faults
}

async function honestClient(
  node: ChildNode,
  admin: Admin,
  userId: string,
  at: number,
): Promise<OpenimClient> {
  const token = await admin.userToken(userId, PLATFORM)
  const sdkType = at % 2 === 0 ? 'js' : 'go'
  return OpenimClient.connect({
    url: node.wsUrl,
    token,
    userId,
    platformId: PLATFORM,
    sdkType,
    compression: at > 0,
    timeoutMs: ANSWER_MS,
  })
}

/** Ask again and again; returns how often there was an answer. */
async function ask(client: OpenimClient, state: { isOver: boolean }, faults: string[]): Promise<number> {
  let answered = 0
  try {
    while (!state.isOver) {
      await client.subscribe(['ann', 'bob', `other-${answered % 50}`])
      answered++
      await pause(ASK_EVERY_MS)
    }
    if (client.closeCode !== undefined) faults.push(`an honest client was closed with ${client.closeCode}`)
  } catch (error) {
    faults.push(`an honest client was not answered: ${(error as Error).message}`)
  }
  return answered
}

/** What is left when the attackers have gone, and what must not be. */
async function remains(node: ChildNode, honest: number): Promise<string[]> {
  const faults: string[] = []
  const deadlineMs = performance.now() + SETTLE_MS
  while ((await node.metric('porchlight_connections')) !== honest) {
    if (performance.now() > deadlineMs) {
      faults.push(`${await node.metric('porchlight_connections')} connections are left, of ${honest} clients`)
      break
    }
    await pause(ASK_EVERY_MS)
  }
  for (const name of ['porchlight_actor_failures_total', 'porchlight_thread_restarts_total']) {
    const count = await node.metric(name)
    if (count > 0) faults.push(`${name} is ${count}`)
  }
  const ready = await fetch(`${node.apiUrl}/readyz`)
  if (!ready.ok) faults.push(`not ready: ${await ready.text()}`)
  return faults
}

/** One connection: a changed handshake, or a good one and changed frames. */
async function exchange(port: number, token: string, material: Material): Promise<void> {
  const encoding = FRAME_ENCODINGS[Math.floor(material.random() * FRAME_ENCODINGS.length) as 0 | 1 | 2 | 3]
  const query = handshakeQuery({
    url: '',
    token,
    userId: 'eve',
    platformId: PLATFORM,
    sdkType: encoding.name.startsWith('gob') ? 'go' : 'js',
    compression: encoding.name.endsWith('gzip'),
  })
  if (material.random() < 0.3) {
    const peer = RawPeer.connect(port)
    peer.socket.write(mutate(requestOf(query), material))
    return leave(peer)
  }
  const peer = await RawPeer.open(port, { path: `/?${query}` })
  const samples = framesFor(encoding)
  for (let left = 1 + Math.floor(material.random() * FRAMES_MAX); left > 0; left--) {
    const sample = samples[Math.floor(material.random() * samples.length)]!
    peer.socket.write(material.random() < 0.5 ? sample : mutate(sample, material))
  }
  await leave(peer)
}

function requestOf(query: string): Buffer {
  return Buffer.from(
    `GET /?${query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://localhost\r\n` +
      'Compression: gzip\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  )
}

/** Wait a moment for the other side to close, then go without a word. */
async function leave(peer: RawPeer): Promise<void> {
  await Promise.race([peer.end(), pause(PATIENCE_MS)])
  peer.socket.resetAndDestroy()
}

function framesFor(encoding: FrameEncoding): Buffer[] {
  const data = SubUserOnlineStatus.encode({
    subscribeUserID: ['ann', 'bob'],
    unsubscribeUserID: ['dan'],
  }).finish()
  const requests = [RequestId.SubscribeStatus, RequestId.SetBackground, RequestId.NewestSeq].map(
    (reqIdentifier) =>
      encoding.encodeRequest({
        reqIdentifier,
        token: '',
        sendID: 'eve',
        operationID: 'o',
        msgIncr: '1',
        data,
      }),
  )
  return [
    ...requests.map((request) => maskedFrame(Opcode.binary, request)),
    maskedFrame(Opcode.text, '{"type":"ping","body":"x"}'),
    maskedFrame(Opcode.ping, 'p'),
    maskedFrame(Opcode.pong, ''),
    maskedFrame(Opcode.binary, requests[0]!.subarray(0, 9), { isFinal: false }),
    maskedFrame(Opcode.continuation, requests[0]!.subarray(9)),
    maskedFrame(Opcode.close, Uint8Array.of(0x03, 0xe8)),
  ]
}

function materialOf(seed: number): Material {
  const random = mulberry32(seed)
  const words = [
    '\r\n',
    ': ',
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    '%00',
    '&',
    'HTTP/1.0',
  ]
  const others = FRAME_ENCODINGS.flatMap(framesFor)
  return {
    random,
    words: words.map((word) => Buffer.from(word)),
    other: () => others[Math.floor(random() * others.length)]!,
    bytesMax: BYTES_MAX,
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
