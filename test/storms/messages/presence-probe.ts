/** Whether presence goes on: a user comes and goes on one node, and another node's watcher is told. */
import { Platform } from '../../../src/openim/platforms.js'
import { Admin } from '../../../src/sdk/admin.js'
import { OpenimClient } from '../../../src/sdk/openim-client.js'
import type { ChildNode } from '../../support/child-node.js'
import { SECRET, type Teardown } from '../../support/node.js'

const WITHIN_MS = 15_000

export class PresenceProbe {
  private constructor(
    private readonly watcher: OpenimClient,
    private readonly comeIn: () => Promise<OpenimClient>,
  ) {}

  /** While all is well. */
  static async at(test: Teardown, near: ChildNode, far: ChildNode): Promise<PresenceProbe> {
    const platformId = Platform.Web
    const login = async (node: ChildNode, userId: string) => {
      const token = await new Admin(node.apiUrl, SECRET).userToken(userId, platformId)
      return () => OpenimClient.connect({ url: node.wsUrl, token, userId, platformId, timeoutMs: WITHIN_MS })
    }
    const watcher = await (await login(near, 'watcher'))()
    test.teardown(() => watcher.terminate())
    await watcher.subscribe(['walker'])
    return new PresenceProbe(watcher, await login(far, 'walker'))
  }

  /** Throws when the watcher is not told. */
  async walk(): Promise<void> {
    const walker = await this.comeIn()
    await this.watcher.waitForStatus('walker', (platformIds) => platformIds.length === 1, WITHIN_MS)
    await walker.logout()
    await this.watcher.waitForStatus('walker', (platformIds) => platformIds.length === 0, WITHIN_MS)
  }
}
