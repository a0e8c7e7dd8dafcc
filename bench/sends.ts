/** How many messages a second does a gateway take, have on disk, answer and push? */
import { cpuSecondsOf } from '../test/support/proc.js'
import { type Exchanged, MessagingCrowd } from './crowd/messaging.js'
import { peerOf, talkerIds } from './support/chat-pairs.js'
import { EngineChats, startChats } from './support/chats.js'
import { defineBenchmark, type Figure, figure, short } from './support/figures.js'
import type { Gateway } from './support/gateway.js'
import { VERDICT } from './support/login-rounds.js'
import { interleave, medianOf, mustBe, startCpu } from './support/measure.js'
import { RawRelay } from './support/raw-relay.js'
import { type Scope, withScope } from './support/scope.js'

const ENGINE = 'bare engine, same statements and batches'
const RELAY = 'uWebSockets.js relay of the same bytes'
const TOTALS = [
  'porchlight_messages_sent_total',
  'porchlight_message_pushes_total',
  'porchlight_commit_messages_count',
] as const

export const sends = defineBenchmark({
  name: 'sends',
  question: 'durable messages a second of a whole gateway, each answered and pushed to both, who are online',
  sizes: {
    /** An even number: they chat in pairs. Each has one message under way, as in OpenIM's SDKs. */
    users: 2_000,
    sends: 20_000,
    rounds: 7,
  },
  fullSizes: { sends: 50_000, rounds: 9 },
  run: (sizes) =>
    withScope(async (scope) => {
      const { gateway, crowd } = await startChats(scope, sizes.users)
      const engine = new EngineChats(scope, sizes.users)
      const relay = await startRelay(scope, crowd, sizes.users)
      let batch = 1
      const ways = {
        ours: async () => {
          const round = await gatewayRound(gateway, crowd, sizes.sends)
          batch = Math.round(round.batch)
          return round
        },
        engine: async () => ({ ...engineRound(engine, sizes.sends, batch), batch }),
        relay: async () => ({ ...(await relay(sizes.sends)), batch: 1 }),
      }
      // Conversations are listed with their first message, and code is compiled.
      await ways.ours()
      await interleave(1, ways)
      return figuresOf(await interleave(sizes.rounds, ways))
    }),
})

/** Microseconds of CPU are those of one send. */
interface Round {
  perSecond: number
  cpuUs: number
  /** Of each send, by its sender; none of the engine's. */
  latenciesMs: Float64Array
  crowdUs: number
  /** Of a core. */
  crowdPart: number
}

/** `batch`: messages of one transaction, on the average; 1 where there are none. */
type BatchedRound = Round & { batch: number }

async function gatewayRound(gateway: Gateway, crowd: MessagingCrowd, count: number): Promise<BatchedRound> {
  const before = await gateway.metrics(TOTALS)
  const round = await crowdRound(gateway.pid, () => crowd.exchange(count))
  const after = await gateway.metrics(TOTALS)
  const grown = (name: (typeof TOTALS)[number]) => after[name] - before[name]
  mustBe(grown('porchlight_messages_sent_total'), count, 'messages by the gateway')
  mustBe(grown('porchlight_message_pushes_total'), count * 2, 'pushes by the gateway')
  return { ...round, batch: count / grown('porchlight_commit_messages_count') }
}

async function crowdRound(pid: number, exchange: () => Promise<Exchanged>): Promise<Round> {
  const before = cpuSecondsOf(pid)
  const { sends, seconds, latenciesMs, cpuSeconds } = await exchange()
  return {
    perSecond: sends / seconds,
    cpuUs: ((cpuSecondsOf(pid) - before) * 1e6) / sends,
    latenciesMs,
    crowdUs: (cpuSeconds * 1e6) / sends,
    crowdPart: cpuSeconds / seconds,
  }
}

function engineRound(engine: EngineChats, count: number, batch: number): Round {
  const carryOut = engine.sends(count, batch)
  const cpuSeconds = startCpu()
  const startMs = performance.now()
  carryOut()
  return {
    perSecond: (count * 1_000) / (performance.now() - startMs),
    cpuUs: (cpuSeconds() * 1e6) / count,
    latenciesMs: new Float64Array(),
    crowdUs: 0,
    crowdPart: 0,
  }
}

/** The relay repeats what the gateway answered and pushed, to a crowd of the same size. */
async function startRelay(scope: Scope, crowd: MessagingCrowd, users: number) {
  const { reply, push } = await crowd.one(0)
  const relay = await RawRelay.start(scope, { greeting: VERDICT, reply, push })
  const own = MessagingCrowd.start(scope)
  const paths = talkerIds(users).map((_, n) => `/${n}/${peerOf(n, users)}`)
  await own.come(relay.port, paths, talkerIds(users))
  return (count: number) => crowdRound(relay.pid, () => own.exchange(count))
}

function figuresOf(rounds: Record<'ours' | 'engine' | 'relay', BatchedRound[]>): Figure[] {
  const { ours, engine, relay } = rounds
  const rates = (all: Round[]) => all.map(({ perSecond }) => perSecond)
  const cpu = (all: Round[]) => all.map(({ cpuUs }) => cpuUs)
  const crowdParts = (all: Round[]) => all.map(({ crowdPart }) => crowdPart)
  const middle = (of: 'batch' | 'crowdUs') => short(medianOf(ours.map((round) => round[of])))
  const name = 'durable sends'
  return [
    figure({
      name,
      unit: '/s',
      ours: rates(ours),
      cpuUs: cpu(ours),
      latenciesMs: ours.flatMap(({ latenciesMs }) => [...latenciesMs]),
      ceiling: { name: ENGINE, values: rates(engine), cpuUs: cpu(engine) },
      goal: { atLeast: 0.5 },
      notes: [
        'from the first frame of a round until the last push was read; CPU of all threads of the gateway for a send, ' +
          `its answer and both pushes; ${middle('batch')} messages a transaction`,
        'latencies: from a send to its answer, with one of each user under way',
      ],
    }),
    figure({
      name,
      unit: '/s',
      ours: rates(ours),
      cpuUs: cpu(ours),
      ceiling: { name: RELAY, values: rates(relay), cpuUs: cpu(relay) },
      generator: { name: 'the crowd', ours: crowdParts(ours), ceiling: crowdParts(relay) },
      goal: { atLeast: 8_000, of: 'value' },
      notes: [`a client of the crowd takes ${middle('crowdUs')} µs a send, on the same cores`],
    }),
    figure({
      name: 'CPU of a send, without the engine',
      unit: 'µs',
      ours: ours.map(({ cpuUs }, round) => cpuUs - engine[round]!.cpuUs),
      ceiling: { name: RELAY, values: cpu(relay) },
      goal: { atMost: 60, of: 'value' },
      notes: ['CPU of the gateway less that of the bare engine, of each round'],
    }),
  ]
}
