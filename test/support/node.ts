/** A whole node in the test's own process: real threads, real sockets, free ports. */
import './entry.js'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/config.js'
import { loadTransport } from '../../src/doors/websocket/transport/load-transport.js'
import { Supervisor } from '../../src/node/supervisor.js'
import { createLog } from '../../src/observe/log.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { Admin } from '../../src/sdk/admin.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { TIMEOUT_MS } from './eventually.js'
import { temporaryFolder } from './leftovers.js'
import { metricsText, sumOf } from './metrics.js'

/** Signs the tokens of every node here. */
export const SECRET = 'a secret for tests, long enough'

type ConnectOptions = Parameters<typeof OpenimClient.connect>[0]

/** What a test needs to be told when it ends. */
export interface Teardown {
  teardown(end: () => unknown): void
}

/** Why the native transport cannot be tested here, as a reason to skip; false where it can. */
export const noNativeTransport: string | false = loadTransport('auto').warning ?? false

let nodes = 0
let dataDir: string | undefined

/** Settings that every node of a test has. */
export function testEnv(env: Record<string, string> = {}): Record<string, string> {
  const nodeId = env.NODE_ID ?? `node-${process.pid}-${++nodes}`
  dataDir ??= temporaryFolder('data')
  return {
    WS_PORT: '0',
    API_PORT: '0',
    HEALTH_PORT: '0',
    NODE_ID: nodeId,
    AUTH_SECRET: SECRET,
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
    PRESENCE_SHARDS: '4',
    // By turns on a thread of their own and with the sockets: clusters are tested with nodes of both kinds.
    SHARD_THREADS: String(nodes % 2),
    SHUTDOWN_TIMEOUT_MS: '3000',
    DATA_DIR: join(dataDir, nodeId),
    // Most tests are not about who may stay, and those that are say so. With the default, a second token for the same
    // user and platform takes the place of the first, and ends its connection.
    LOGIN_POLICY: '0',
    // The tests of messages turn them on: most others have no use for two threads more.
    MESSAGES: 'off',
    ...env,
  }
}

export class TestNode {
  readonly #tokens = new Map<string, Promise<string>>()
  /** Its REST. */
  readonly admin: Admin

  private constructor(
    readonly supervisor: Supervisor,
    readonly nodeId: string,
    private readonly test: Teardown,
  ) {
    this.admin = new Admin(this.apiUrl, SECRET)
  }

  /** `env`: settings beside those that every test node has. */
  static async start(test: Teardown, env: Record<string, string> = {}): Promise<TestNode> {
    const config = loadConfig(testEnv(env))
    const supervisor = await Supervisor.start(config, createLog({ level: config.logLevel, thread: 'main' }))
    test.teardown(() => supervisor.stop())
    return new TestNode(supervisor, config.nodeId, test)
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.supervisor.wsPort}`
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.supervisor.apiPort}`
  }

  /** Of health and metrics. */
  get healthUrl(): string {
    return `http://127.0.0.1:${this.supervisor.healthPort}`
  }

  /** The sum of a metric over all its labels, or over those lines that have `label`. */
  async metric(name: string, label = ''): Promise<number> {
    return sumOf(name, await metricsText(this.healthUrl), label) ?? 0
  }

  /** A user's token, made by the node's own REST. One for each user and platform. */
  token(userId: UserId, platformId: PlatformId): Promise<string> {
    const key = `${userId} ${platformId}`
    let token = this.#tokens.get(key)
    if (token === undefined) {
      token = this.admin.userToken(userId, platformId)
      this.#tokens.set(key, token)
      // It may be had later.
      token.catch(() => this.#tokens.delete(key))
    }
    return token
  }

  /** Log in; the client is closed when the test ends. */
  async login(
    userId: UserId,
    platformId: PlatformId,
    options: Partial<ConnectOptions> = {},
  ): Promise<OpenimClient> {
    const token = await this.token(userId, platformId)
    const client = await OpenimClient.connect({ url: this.wsUrl, token, userId, platformId, ...options })
    this.test.teardown(() => client.terminate())
    return client
  }
}

/** Wait until `client` was last told that `userId` is on exactly these platforms. */
export async function seesOn(client: OpenimClient, userId: UserId, platformIds: PlatformId[]): Promise<void> {
  const wanted = platformIds.join()
  await client.waitForStatus(userId, (now) => [...now].sort((a, b) => a - b).join() === wanted, TIMEOUT_MS)
}

/** Every list of platforms that the client was told of the user, oldest first, ascending. */
export function toldOf(client: OpenimClient, userId: UserId): string[] {
  return client.history
    .filter((status) => status.userId === userId)
    .map((status) => [...status.platformIds].sort((a, b) => a - b).join())
}
