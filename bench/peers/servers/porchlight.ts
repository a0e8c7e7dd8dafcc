import { startRedis } from '../../../test/support/redis.js'
import { startGateway } from '../../support/gateway.js'
import { makeTokens, recordTokens } from '../../support/records.js'
import { PLATFORM } from '../clients/porchlight.js'
import { productPackage } from '../installed.js'
import type { Peer } from '../peer.js'

/** As an operator would start it, with a Redis of its own, also where there is one node. */
export const porchlight: Peer = {
  key: 'porchlight',
  name: 'Porchlight',
  dialect: 'porchlight',
  nodesMax: 2,
  isToBeLed: false,
  missing: () => undefined,
  version: () => productPackage().version,
  async start(scope, nodes) {
    const redis = await startRedis()
    scope.defer(() => redis.stop())
    const gateways = await Promise.all(
      Array.from({ length: nodes }, (_, n) =>
        startGateway(scope, { env: { REDIS_URL: redis.url, NODE_ID: `bench-${n}` } }),
      ),
    )
    const client = redis.client()
    return {
      ports: gateways.map(({ wsPort }) => wsPort),
      pids: gateways.map(({ pid }) => pid),
      storePid: redis.pid,
      async enroll(people) {
        const userIds = people.map(({ userId }) => userId)
        const issued = await makeTokens(userIds, PLATFORM)
        await recordTokens(client, issued)
        return people.map((person, n) => ({ ...person, secret: issued[n]!.token }))
      },
    }
  },
}
