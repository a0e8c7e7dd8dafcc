/** How many pushes a second reach the many watchers of one user on one io thread? */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { OpenimClient } from '../src/client/openim-client.js'
import { frameEncoding } from '../src/gateway/codec/encodings.js'
import { SubUserOnlineStatus } from '../src/gateway/proto/openim.js'
import { RequestId } from '../src/gateway/requests.js'
import { encodePush } from '../src/gateway/status-frame.js'
import { Crowd, openimPath } from './support/crowd.js'
import { defineBenchmark, figure, short } from './support/figures.js'
import { cpuSecondsOf, startGateway } from './support/gateway.js'
import { interleave, medianOf, mustBe } from './support/measure.js'
import { RawUws } from './support/raw-uws.js'
import { withScope } from './support/scope.js'

const STAR = 'star'
const ANDROID = 2
const WEB = 5
const json = frameEncoding('js', false)
const online = encodePush(json, STAR, [ANDROID])
const offline = encodePush(json, STAR, [])

export const fanOut = defineBenchmark({
  name: 'fan-out',
  question: 'pushes a second to all watchers of one user on one io thread, the user coming and going',
  sizes: {
    /** Enough that publishing outweighs the login that causes it; two parties fit in the limit of open files. */
    watchers: 2_000,
    /** Each is a login and a close: two pushes to everybody. */
    toggles: 25,
    rounds: 7,
  },
  run: (sizes) =>
    withScope(async (scope) => {
      const gateway = await startGateway(scope, { env: { IO_THREADS: '1' } })
      const raw = await RawUws.start(scope, online, offline)
      const crowd = Crowd.start(scope)
      const watcherIds = Array.from({ length: sizes.watchers }, (_, n) => `watcher-${n}`)
      const tokens = await gateway.tokens(watcherIds, WEB)
      const [starToken] = await gateway.tokens([STAR], ANDROID)
      await crowd.open(
        'gateway',
        gateway.wsPort,
        watcherIds.map((userId, n) => openimPath(userId, WEB, tokens[n]!)),
        { isGreeted: true, frames: watcherIds.map(subscribeFrame) },
      )
      await crowd.open(
        'raw',
        raw.port,
        watcherIds.map(() => '/watch'),
      )

      const pushes = sizes.toggles * 2
      const deliveries = pushes * sizes.watchers
      const bytes = sizes.toggles * sizes.watchers * (online.length + offline.length)
      const measure = (party: string, pid: number, comeAndGo: () => Promise<void>) => async () => {
        const complete = await crowd.expect(party, pushes)
        const cpuBefore = cpuSecondsOf(pid)
        const startNs = process.hrtime.bigint()
        for (let toggle = 0; toggle < sizes.toggles; toggle++) await comeAndGo()
        const seconds = Number((await complete()) - startNs) / 1e9
        const cpuUs = ((cpuSecondsOf(pid) - cpuBefore) * 1e6) / deliveries
        const counted = await crowd.count(party)
        mustBe(counted.least, pushes, `${party}: pushes of the socket with the fewest`)
        mustBe(counted.most, pushes, `${party}: pushes of the socket with the most`)
        mustBe(counted.bytes, bytes, `${party}: bytes of all pushes`)
        return { perSecond: deliveries / seconds, cpuUs }
      }
      const ways = {
        gateway: measure('gateway', gateway.pid, async () => {
          const client = await OpenimClient.connect({
            url: gateway.wsUrl,
            token: starToken!,
            userId: STAR,
            platformId: ANDROID,
          })
          await client.close()
        }),
        raw: measure('raw', raw.pid, async () => {
          const socket = new WebSocket(`ws://127.0.0.1:${raw.port}/star`, { perMessageDeflate: false })
          await once(socket, 'open')
          socket.close(1000)
          await once(socket, 'close')
        }),
      }
      await interleave(1, ways)
      const rounds = await interleave(sizes.rounds, ways)
      const rate = (all: typeof rounds.raw) => all.map(({ perSecond }) => perSecond)
      const cpu = (all: typeof rounds.raw) => short(medianOf(all.map(({ cpuUs }) => cpuUs)))
      return [
        figure({
          name: `pushes to ${sizes.watchers} watchers`,
          unit: '/s',
          ours: rate(rounds.gateway),
          ceiling: { name: 'uWebSockets.js publish, same bytes and sockets', values: rate(rounds.raw) },
          notes: [
            `CPU of the server process, the user's logins included: ${cpu(rounds.gateway)} µs a push; ` +
              `raw ${cpu(rounds.raw)} µs`,
          ],
        }),
      ]
    }),
})

function subscribeFrame(userId: string): Uint8Array {
  const data = SubUserOnlineStatus.encode({ subscribeUserID: [STAR], unsubscribeUserID: [] }).finish()
  const reqIdentifier = RequestId.SubscribeStatus
  return json.encodeRequest({
    reqIdentifier,
    token: '',
    sendID: userId,
    operationID: 'bench',
    msgIncr: '1',
    data,
  })
}
