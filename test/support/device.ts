/** A device of a user: one token, any number of logins, and what it was told of them. */

import { isTokenRefused } from '../../src/openim/codes.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import type { ConnectRefusedError } from '../../src/sdk/openim-handshake.js'
import type { Teardown } from './node.js'

export class Device {
  /** The connection of the last login that was accepted. */
  client: OpenimClient | undefined
  /** How many logins were accepted. */
  logins = 0
  /** Kick frames, in all. */
  kicks = 0
  /** Error codes of the logins that were refused, oldest first. */
  readonly refusals: number[] = []

  constructor(
    readonly userId: UserId,
    readonly platformId: PlatformId,
    readonly token: string,
  ) {}

  /** Its connection is open. */
  get isIn(): boolean {
    return this.client !== undefined && this.client.closeCode === undefined
  }

  /** It was told that it need not come again. */
  get isFinal(): boolean {
    return this.kicks > 0 || this.refusals.some(isTokenRefused)
  }

  /** True = accepted. Throws when there was neither acceptance nor a reason. */
  async login(test: Teardown, { wsUrl }: { wsUrl: string }): Promise<boolean> {
    const { userId, platformId, token } = this
    let client: OpenimClient
    try {
      client = await OpenimClient.connect({ url: wsUrl, userId, platformId, token })
    } catch (error) {
      const { errCode } = error as ConnectRefusedError
      if (errCode === undefined || errCode === 0) throw error
      this.refusals.push(errCode)
      return false
    }
    this.client = client
    this.logins++
    // The verdict and a kick may come in one piece.
    if (client.isKicked) this.kicks++
    client.on('kick', () => this.kicks++)
    test.teardown(() => client.terminate())
    return true
  }
}
