/** How fast does one change reach the many watchers of one user, all on one io thread, and what does each push cost? */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { CloseCode } from '../src/openim/close-codes.js'
import { frameEncoding } from '../src/openim/codec/encodings.js'
import { Platform } from '../src/openim/platforms.js'
import { encodePush } from '../src/openim/status-frame.js'
import { loginPath } from '../src/sdk/light-client.js'
import { OpenimClient } from '../src/sdk/openim-client.js'
import { cpuSecondsOf } from '../test/support/proc.js'
import { CountingCrowd } from './crowd/counting.js'
import { defineBenchmark, figure } from './support/figures.js'
import { type Gateway, startGateway } from './support/gateway.js'
import { interleave, mustBe } from './support/measure.js'
import { RawUws } from './support/raw-uws.js'
import { type IssuedToken, makeTokens, recordTokensInFile } from './support/records.js'
import { type Scope, withScope } from './support/scope.js'
import { subscribeFrame } from './support/subscribe-frame.js'

const STAR = 'star'
const json = frameEncoding('js', false)
const online = encodePush(json, STAR, [Platform.Android])
const offline = encodePush(json, STAR, [])

export const fanOut = defineBenchmark({
  name: 'fan-out',
  question: 'one change of one user, pushed to all their watchers on one io thread',
  sizes: {
    /** Each is a socket of the server and one of a crowd, which has a limit of open files. */
    watchers: 10_000,
    /** Each is a login and a close: two changes, one after the other. */
    toggles: 4,
    rounds: 7,
  },
  fullSizes: { toggles: 10, rounds: 15 },
  run: (sizes) =>
    withScope(async (scope) => {
      const userIds = Array.from({ length: sizes.watchers }, (_, n) => `watcher-${n}`)
      const watchers = await makeTokens(userIds, Platform.Web)
      const [star] = await makeTokens([STAR], Platform.Android)
      const gateway = await startGateway(scope, {
        env: { IO_THREADS: '1' },
        prepare: (dataDir) => recordTokensInFile(dataDir, [star!, ...watchers]),
      })
      const raw = await RawUws.start(scope, online, offline)
      const atGateway = await watchGateway(scope, gateway, watchers)
      const atRaw = await watchRaw(scope, raw, sizes.watchers)
      const round = (party: Party, star: Star) => () => toggle(party, star, sizes.watchers, sizes.toggles)
      const ways = {
        gateway: round(atGateway, () => OpenimClient.connect({ ...star!, url: gateway.wsUrl })),
        raw: round(atRaw, () => connectRaw(raw)),
      }
      await interleave(1, ways)
      const rounds = await interleave(sizes.rounds, ways)
      const all = (part: keyof Round) => ({
        ours: rounds.gateway.map((one) => one[part]),
        values: rounds.raw.map((one) => one[part]),
      })
      const [rate, cpu, crowd] = [all('perSecond'), all('cpuUs'), all('crowdPart')]
      const ceiling = 'uWebSockets.js publish, same bytes and sockets'
      return [
        figure({
          name: `pushes of one change to ${sizes.watchers} watchers`,
          unit: '/s',
          ours: rate.ours,
          cpuUs: cpu.ours,
          ceiling: { name: ceiling, values: rate.values, cpuUs: cpu.values },
          generator: { name: 'the crowd', ours: crowd.ours, ceiling: crowd.values },
          goal: { atLeast: 0.9 },
          notes: ['from the first packet of the login or close until the last watcher has its push'],
        }),
        figure({
          name: 'the same: CPU of a push',
          unit: 'µs',
          ours: cpu.ours,
          ceiling: { name: ceiling, values: cpu.values },
          goal: { atMost: 1.1 },
          notes: ["all threads of the server, the user's logins and closes included"],
        }),
      ]
    }),
})

/** The watched user comes; what is returned takes them away. */
type Star = () => Promise<{ close(): Promise<void> }>

/** Watchers of one server, in a process of their own. */
interface Party {
  name: string
  serverPid: number
  crowd: CountingCrowd
}

/** CPU is that of one push. */
interface Round {
  perSecond: number
  cpuUs: number
  /** Of a core, while pushes were on their way. */
  crowdPart: number
}

async function toggle(party: Party, star: Star, watchers: number, toggles: number): Promise<Round> {
  const { name, serverPid, crowd } = party
  const used = { seconds: 0, serverCpu: 0, crowdCpu: 0 }
  const change = async <T>(make: () => Promise<T>, bytes: number): Promise<T> => {
    const complete = await crowd.expect(name, 1)
    const cpuBefore = { server: cpuSecondsOf(serverPid), crowd: cpuSecondsOf(crowd.pid) }
    const startNs = process.hrtime.bigint()
    const made = await make()
    used.seconds += Number((await complete()) - startNs) / 1e9
    used.serverCpu += cpuSecondsOf(serverPid) - cpuBefore.server
    used.crowdCpu += cpuSecondsOf(crowd.pid) - cpuBefore.crowd
    const counted = await crowd.count(name)
    mustBe(counted.least, 1, `${name}: pushes of the socket with the fewest`)
    mustBe(counted.most, 1, `${name}: pushes of the socket with the most`)
    mustBe(counted.bytes, bytes * watchers, `${name}: bytes of all pushes`)
    return made
  }
  for (let n = 0; n < toggles; n++) {
    const client = await change(star, online.length)
    await change(() => client.close(), offline.length)
  }
  const deliveries = toggles * 2 * watchers
  return {
    perSecond: deliveries / used.seconds,
    cpuUs: (used.serverCpu * 1e6) / deliveries,
    crowdPart: used.crowdCpu / used.seconds,
  }
}

async function watchGateway(scope: Scope, gateway: Gateway, watchers: IssuedToken[]): Promise<Party> {
  const crowd = CountingCrowd.start(scope)
  const paths = watchers.map(loginPath)
  const frames = watchers.map(({ userId }) => subscribeFrame(userId, [STAR]))
  await crowd.open('gateway', gateway.wsPort, paths, { isGreeted: true, frames })
  return { name: 'gateway', serverPid: gateway.pid, crowd }
}

async function watchRaw(scope: Scope, raw: RawUws, watchers: number): Promise<Party> {
  const crowd = CountingCrowd.start(scope)
  await crowd.open('raw', raw.port, new Array<string>(watchers).fill('/watch'))
  return { name: 'raw', serverPid: raw.pid, crowd }
}

async function connectRaw(raw: RawUws): Promise<{ close(): Promise<void> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${raw.port}/star`, { perMessageDeflate: false })
  await once(socket, 'open')
  return {
    close: async () => {
      socket.close(CloseCode.Normal)
      await once(socket, 'close')
    },
  }
}
