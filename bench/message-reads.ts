/** How long does a client wait for its first sync, and for a page of messages? */
import { join } from 'node:path'
import { openFile } from '../src/node/message-database.js'
import { Platform } from '../src/openim/platforms.js'
import { PullMessageBySeqsResp } from '../src/openim/proto/messages.js'
import { OpenimClient } from '../src/sdk/openim-client.js'
import { outgoingOf } from '../src/services/messages/outgoing.js'
import { type Sending, sendAll } from '../src/services/messages/send.js'
import type { OperationContext } from '../src/services/operations/operation.js'
import { carryOut } from '../src/services/operations/table.js'
import { cpuSecondsOf } from '../test/support/proc.js'
import { BareEngine, Recorder } from './support/bare-engine.js'
import { talkerIds } from './support/chat-pairs.js'
import { record, TALKER_LIMITS } from './support/chats.js'
import { defineBenchmark, type Figure, figure } from './support/figures.js'
import { type Gateway, startGateway } from './support/gateway.js'
import { interleave, mustBe, startCpu } from './support/measure.js'
import { ACTIVE, PAGE, type Read, type ReadName, readsOf } from './support/reads.js'
import { type IssuedToken, makeTokens } from './support/records.js'
import { type Scope, withScope } from './support/scope.js'
import { textOf } from './support/send-frame.js'

const SENT_AT_ONCE = 100
/** Of each read: the first times run uncompiled, and take twice as long. */
const WARM_UPS = 20

export const messageReads = defineBenchmark({
  name: 'message-reads',
  question: "a client's first sync of its conversations, and messages of one of them, system quiet",
  sizes: {
    conversations: 1_000,
    /** In each of them; in the first one as many more as are pulled. */
    messages: 3,
    pulled: 100,
    rounds: 15,
  },
  fullSizes: { messages: 20, rounds: 31 },
  run: (sizes) =>
    withScope(async (scope) => {
      const userIds = talkerIds(sizes.conversations + 1)
      const accounts = await makeTokens(userIds, Platform.Web)
      let path = ''
      const gateway = await startGateway(scope, {
        env: TALKER_LIMITS,
        prepare: async (dataDir) => {
          path = join(dataDir, 'messages.db')
          await record(dataDir, accounts)
          await chat(dataDir, userIds, sizes)
        },
      })
      const reads = readsOf(userIds[0]!, userIds[1]!, sizes)
      const names = Object.keys(reads) as ReadName[]
      const ask = await startReader(scope, gateway, accounts[0]!)
      const engineOf = startEngine(scope, path, userIds[0]!)
      const [pulled] = await ask(reads.pull)
      const { msgs } = PullMessageBySeqsResp.decode(pulled!)
      mustBe(Object.values(msgs)[0]!.Msgs.length, sizes.pulled, 'messages pulled')

      const entries = names.flatMap((name): [string, () => Promise<Timed>][] => {
        const engine = engineOf(reads[name])
        return [
          [
            `${name} ours`,
            () =>
              timed(
                () => ask(reads[name]),
                () => cpuSecondsOf(gateway.pid),
              ),
          ],
          [`${name} bare`, () => timed(engine, cpuSecondsHere)],
        ]
      })
      const ways = Object.fromEntries(entries)
      await interleave(WARM_UPS, ways)
      const rounds = await interleave(sizes.rounds, ways)
      const row = (name: string, of: ReadName, goal?: { atMost: number }) =>
        figureOf(name, rounds[`${of} ours`]!, rounds[`${of} bare`]!, goal)
      return [
        row(`first sync, ${sizes.conversations} conversations`, 'sync', { atMost: 3 }),
        row('of that 1001, newest numbers', 'newest'),
        row('of that 1006, newest and read numbers', 'seqs'),
        row('of that the changes of the list', 'changes'),
        row(`of that the list, ${PAGE} a page`, 'list'),
        row(`of that ${ACTIVE} active conversations`, 'active'),
        row(`1002, ${sizes.pulled} messages`, 'pull', { atMost: 3 }),
      ]
    }),
})

interface Timed {
  ms: number
  cpuUs: number
}

const cpuSecondsHere = startCpu()

/** `cpuSeconds` of who does the work. */
async function timed(work: () => unknown, cpuSeconds: () => number): Promise<Timed> {
  const cpuBefore = cpuSeconds()
  const startMs = performance.now()
  await work()
  const ms = performance.now() - startMs
  return { ms, cpuUs: (cpuSeconds() - cpuBefore) * 1e6 }
}

function figureOf(name: string, ours: Timed[], bare: Timed[], goal?: { atMost: number }): Figure {
  const ms = (all: Timed[]) => all.map((one) => one.ms)
  const cpuUs = (all: Timed[]) => all.map((one) => one.cpuUs)
  return figure({
    name,
    unit: 'ms',
    ours: ms(ours),
    cpuUs: cpuUs(ours),
    ceiling: { name: 'bare queries', values: ms(bare), cpuUs: cpuUs(bare) },
    ...(goal && { goal }),
    notes: goal && [
      `until the client has the bytes of all answers, which it does not decode; after ${WARM_UPS} reads of each kind`,
    ],
  })
}

/** The first user has written to all others. */
async function chat(
  dataDir: string,
  [own, ...others]: string[],
  { messages, pulled }: { messages: number; pulled: number },
): Promise<void> {
  const database = await openFile(dataDir)
  const nowMs = Date.now() - others.length * messages
  const count = (n: number) => messages + (n === 0 ? pulled : 0)
  const all = others.flatMap((other, n) => Array.from({ length: count(n) }, (_, at) => sendingTo(other, at)))
  for (let at = 0; at < all.length; at += SENT_AT_ONCE) {
    await database.write(() => sendAll(all.slice(at, at + SENT_AT_ONCE), nowMs + at))
  }
  await database.close()

  function sendingTo(other: string, n: number): Sending {
    return { message: outgoingOf(textOf(own!, other, String(n).padStart(32, '0'))), operationId: 'bench' }
  }
}

/** Requests over one socket and one kept connection to REST, one after another. Gives the bytes of the answers. */
async function startReader(scope: Scope, gateway: Gateway, { userId, platformId, token }: IssuedToken) {
  const client = await OpenimClient.connect({ url: gateway.wsUrl, token, userId, platformId })
  scope.defer(() => client.terminate())
  const ask = async ({ to, input }: Read): Promise<Uint8Array> => {
    if (typeof to === 'number') return (await client.successful(to, input as Uint8Array))!
    const headers = { 'content-type': 'application/json', token, operationID: 'bench' }
    const response = await fetch(gateway.apiUrl + to, { method: 'POST', headers, body: input })
    const bytes = new Uint8Array(await response.arrayBuffer())
    if (!response.ok || !String(Buffer.from(bytes)).includes('"errCode":0')) {
      throw new Error(`${to}: ${response.status} ${String(Buffer.from(bytes)).slice(0, 200)}`)
    }
    return bytes
  }
  return async (reads: readonly Read[]): Promise<Uint8Array[]> => {
    const answers: Uint8Array[] = []
    for (const read of reads) answers.push(await ask(read))
    return answers
  }
}

/** The statements of these requests, each request's in a transaction, as the gateway's are. */
function startEngine(scope: Scope, path: string, userId: string) {
  const recorder = new Recorder(path)
  const engine = new BareEngine(path)
  scope.defer(() => {
    recorder.close()
    engine.close()
  })
  const caller = { userId, isAdmin: false, operationId: 'bench' }
  const context = { caller, nowMs: Date.now(), deliveries: [] } as unknown as OperationContext
  return (reads: readonly Read[]): (() => void) => {
    const transactions = reads.map(({ operation, input }) =>
      engine.transaction(recorder.record(carryOut(operation, context, input)).queries, 'BEGIN'),
    )
    return () => {
      for (const transaction of transactions) transaction()
    }
  }
}
