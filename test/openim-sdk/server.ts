/** The servers that the SDKs talk to: Porchlight processes of this test, or one that already runs. */
import { Admin } from '../../src/sdk/admin.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { mysqlUrlOf, startMariadb } from '../support/mariadb-server.js'
import { SECRET, type Teardown } from '../support/node.js'
import { startRedis, startRedisCluster } from '../support/redis.js'
import { redisEnv } from '../support/redis-env.js'

export interface SdkServer {
  host: string
  wsPort: number
  apiUrl: string
  admin: Admin
}

/**
 * A new Porchlight with messages, its database in a folder that goes with the test. `env`: more of its settings.
 *
 * With SDK_TEST_WS (`host:port`), SDK_TEST_API (a URL) and SDK_TEST_SECRET nothing is started, and the tests use that
 * server instead: another build, or OpenIM itself.
 */
export async function startServer(test: Teardown, env: Record<string, string> = {}): Promise<SdkServer> {
  const { SDK_TEST_WS, SDK_TEST_API, SDK_TEST_SECRET = SECRET } = process.env
  if (SDK_TEST_WS !== undefined && SDK_TEST_API !== undefined) {
    const [host, port] = SDK_TEST_WS.split(':') as [string, string]
    const admin = new Admin(SDK_TEST_API, SDK_TEST_SECRET)
    return { host, wsPort: Number(port), apiUrl: SDK_TEST_API, admin }
  }
  return startNode(test, env)
}

/** Two nodes that share a MariaDB and a Redis, which may be a Cluster. They end with the test, and so do these. */
export async function startTwoNodes(
  test: Teardown,
  redisForm: 'single' | 'cluster',
  env: Record<string, string> = {},
): Promise<SdkServer[]> {
  const [redis, mariadb] = await Promise.all([
    redisForm === 'single' ? startRedis() : startRedisCluster(),
    startMariadb(),
  ])
  test.teardown(() => Promise.all([redis.stop(), mariadb.stop()]))
  const shared = { ...redisEnv(redis.access), DATABASE_URL: mysqlUrlOf(mariadb.address), ...env }
  return Promise.all(['a', 'b'].map((NODE_ID) => startNode(test, { NODE_ID, ...shared })))
}

async function startNode(test: Teardown, env: Record<string, string>): Promise<SdkServer> {
  // Tests send faster than people.
  const { wsPort, apiPort } = await GatewayProcess.ready(test, {
    env: { MESSAGES: 'on', REQUESTS_PER_S_MAX: '1000', ...env },
  })
  const apiUrl = `http://127.0.0.1:${apiPort}`
  return { host: '127.0.0.1', wsPort, apiUrl, admin: new Admin(apiUrl, SECRET) }
}
