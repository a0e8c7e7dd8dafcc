/** Every policy, every pair of platforms, on one node and on two: who stays, who is told, whose token is good. */
import t from 'tap'
import { PLATFORMS, POLICY_NUMBERS, removes } from './facts.js'
import { LoginCluster } from './login-cluster.js'

const SETTLE_MS = 60
/** For a connection that does not answer. */
const PROBED_MS = 6_000

for (const policy of POLICY_NUMBERS) {
  for (const otherNode of [0, 1]) {
    const where = otherNode === 0 ? 'the same node' : 'another node'
    t.test(`policy ${policy}, the second login on ${where}`, async (t) => {
      const cluster = new LoginCluster({ seed: 1, nodes: 2, policy, delayMaxMs: 4 })
      await cluster.run(SETTLE_MS)
      for (const first of PLATFORMS) {
        for (const second of PLATFORMS) {
          const user = `u-${first}-${second}`
          const oldToken = await cluster.grant(user, first)
          const newToken = await cluster.grant(user, second)
          const old = cluster.login(0, user, first, oldToken)
          await cluster.run(SETTLE_MS)
          const newcomer = cluster.login(otherNode, user, second, newToken)
          await cluster.run(SETTLE_MS)
          const isRemoved = removes(policy, second, first)
          t.same(
            {
              old: old.state,
              kicks: old.kicks,
              oldToken: await cluster.tokenState(user, first, oldToken),
              newcomer: newcomer.state,
              newToken: await cluster.tokenState(user, second, newToken),
              record: [...new Set(cluster.backend.read(user).claims.map(({ platformId }) => platformId))],
            },
            {
              old: isRemoved ? 'closed' : 'in',
              kicks: isRemoved ? 1 : 0,
              oldToken: isRemoved ? 'kicked' : 'normal',
              newcomer: 'in',
              newToken: 'normal',
              record: [...new Set(isRemoved ? [second] : [first, second])].sort((a, b) => a - b),
            },
            `${second} after ${first}`,
          )
        }
      }
    })

    t.test(`policy ${policy}, the same token again on ${where}`, async (t) => {
      const cluster = new LoginCluster({ seed: 2, nodes: 2, policy, delayMaxMs: 4 })
      await cluster.run(SETTLE_MS)
      for (const platform of PLATFORMS) {
        for (const isHalfOpen of [false, true]) {
          const user = `u-${platform}-${isHalfOpen}`
          const token = await cluster.grant(user, platform)
          const old = cluster.login(0, user, platform, token)
          await cluster.run(SETTLE_MS)
          old.isHalfOpen = isHalfOpen
          const second = cluster.login(otherNode, user, platform, token)
          await cluster.run(PROBED_MS)
          t.same(
            {
              old: old.state,
              kicks: old.kicks,
              second: second.state,
              token: await cluster.tokenState(user, platform, token),
            },
            { old: isHalfOpen ? 'closed' : 'in', kicks: 0, second: 'in', token: 'normal' },
            `platform ${platform}, ${isHalfOpen ? 'half open' : 'alive'}`,
          )
        }
      }
    })
  }
}
