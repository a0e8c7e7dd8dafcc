/** A store that hangs: clients stay, logins need not wait for it, and it is all right again when it goes on. */
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode } from '../support/node.js'
import { startStore } from './races.js'

t.test('while the store hangs the node says so and since when, and asks nothing of it', async (t) => {
  const { url, server } = await startStore(t)
  const node = await TestNode.start(t, { REDIS_URL: url, OFFLINE_GRACE_MS: '0' })
  const watcher = await node.login('watcher', Platform.Web)
  await watcher.subscribe(['ann', 'bob'])
  const [ann, bob] = [await node.login('ann', Platform.Android), await node.login('bob', Platform.Android)]
  await seesOn(watcher, 'bob', [Platform.Android])
  await node.token('cid', Platform.Android)
  const lookups = () => node.metric('porchlight_token_lookups_total')
  const storePart = async () => {
    const { parts } = (await (await fetch(`${node.apiUrl}/readyz`)).json()) as {
      parts: { name: string; ready: boolean; missing?: string; since?: string }[]
    }
    return parts.find(({ name }) => name === 'store')!
  }
  const beganMs = Date.now()
  process.kill(server.pid, 'SIGSTOP')
  t.teardown(() => process.kill(server.pid, 'SIGCONT'))
  const down = await eventually(async () => {
    const part = await storePart()
    return part.ready ? undefined : part
  })
  t.match(down.missing, /does not answer/)
  t.ok(Date.parse(down.since!) >= beganMs && Date.parse(down.since!) <= Date.now())
  t.equal(await node.metric('porchlight_store_up'), 0)
  const before = await lookups()
  await t.rejects(node.login('cid', Platform.Android), new RegExp(String(WireCode.DatabaseError)))
  t.equal(await lookups(), before + 1)
  t.equal(await ann.ping('still here'), 'still here')
  await bob.close()
  await seesOn(watcher, 'bob', [])
  t.ok(await node.metric('porchlight_assertions_waiting'))
  process.kill(server.pid, 'SIGCONT')
  await eventually(async () => ((await storePart()).ready ? true : undefined))
  t.equal(await node.metric('porchlight_store_down_seconds'), 0)
  await eventually(async () =>
    (await node.metric('porchlight_assertions_waiting')) === 0 ? true : undefined,
  )
  const cid = await node.login('cid', Platform.Android)
  t.equal(await cid.ping('in'), 'in')
  t.equal(await node.metric('porchlight_anti_entropy_finds_total'), 0)
})
