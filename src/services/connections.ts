/**
 * Use cases of an administrator: a user's connections in the whole cluster, and how they and their tokens end. The end of
 * a token ends the connections made with it, on every node.
 */
import { WireCode } from '../openim/codes.js'
import type { EvictionResult, LoginInfo } from '../rules/logins/eviction.js'
import type { KickOrder } from '../rules/shard/admin-kicks.js'
import type { PlatformId, UserId } from '../rules/types.js'
import { CallRefusedError, refusedBy } from './call-refused.js'
import type { TokenService } from './token-service.js'

/** `unanswered`: nodes that hold the user and have not answered in time. */
export interface KickResult extends EvictionResult {
  unanswered: string[]
}

export interface ClusterPort {
  /** End connections on every node; it may be asked again. Rejects when it is not even known which nodes to ask. */
  kick(order: KickOrder): Promise<KickResult>
}

/** All connections of a user, or those of one platform or token, or one of them. */
export interface Selection {
  userId: UserId
  platformId?: PlatformId | undefined
  connectionId?: string | undefined
  token?: string | undefined
}

export class ConnectionService {
  readonly #cluster: ClusterPort
  readonly #tokens: TokenService

  constructor(cluster: ClusterPort, tokens: TokenService) {
    this.#cluster = cluster
    this.#tokens = tokens
  }

  /** What is known of a user's connections, and which nodes have not answered. Throws NetworkError (90004) as `end`. */
  async list(userId: UserId): Promise<{ left: LoginInfo[]; unanswered: string[] }> {
    // On no platform is nobody: all that are there are left.
    return this.#cluster.kick({ userId, platformIds: [] }).catch((error: unknown) => {
      throw unconfirmed(error)
    })
  }

  /** End what is chosen, and its tokens. Returns how many connections ended. */
  async kick(chosen: Selection): Promise<number> {
    const { userId, token } = chosen
    const fault = token === undefined ? undefined : await this.#tokens.faultOf(userId, token)
    if (fault !== undefined) throw refusedBy(fault)
    return this.#end(this.#orderOf(chosen), this.#flagging(chosen))
  }

  async forceLogout(userId: UserId, platformId: PlatformId): Promise<void> {
    const flag = () => this.#tokens.forceLogout(userId, platformId)
    await this.#end({ userId, platformIds: [platformId] }, flag)
  }

  /** As `forceLogout`, but one token and its connections stay. */
  async invalidateOthers(userId: UserId, platformId: PlatformId, preserved: string): Promise<void> {
    const order = { userId, platformIds: [platformId], spares: this.#tokens.digestOf(preserved) }
    await this.#end(order, () => this.#tokens.invalidate(userId, platformId, preserved))
  }

  /**
   * End these tokens and their connections. Returns positions of those that are no good tokens. `onUsers` gets the users
   * of the others, also when the call then throws.
   */
  async kickTokens(tokens: string[], onUsers: (userIds: UserId[]) => void): Promise<number[]> {
    const { kicked, skipped } = await this.#tokens.kickTokens(tokens)
    onUsers([...new Set(kicked.map(({ userId }) => userId))])
    await Promise.all(kicked.map(({ userId, token }) => this.#end({ userId, token })))
    return skipped
  }

  #orderOf({ userId, platformId, connectionId, token }: Selection): KickOrder {
    const order: KickOrder = { userId }
    if (platformId !== undefined) order.platformIds = [platformId]
    if (connectionId !== undefined) order.connectionId = connectionId
    if (token !== undefined) order.token = this.#tokens.digestOf(token)
    return order
  }

  /** A user whose connections end must not come back with another of those tokens. A single connection flags its own. */
  #flagging({ userId, platformId, connectionId, token }: Selection): (() => Promise<void>) | undefined {
    if (connectionId !== undefined) return undefined
    if (token === undefined) return () => this.#tokens.forceLogout(userId, platformId)
    return () => this.#tokens.kickTokenOf(userId, token)
  }

  /**
   * End connections on every node, then flag tokens. Every connection flags its own before its client hears of it;
   * `flag` is for those that no connection has, and ends a login that slipped in meanwhile. Returns how many ended.
   * Throws NetworkError (90004) when not every node confirmed, with what is known: ask again.
   */
  async #end(order: KickOrder, flag?: () => Promise<void>): Promise<number> {
    const kick = await this.#cluster.kick(order).catch((error: unknown) => ({ error }))
    await flag?.()
    const done = flag ? 'the tokens are flagged; connections ' : ''
    if ('error' in kick) throw unconfirmed(kick.error, done)
    const { gone, unanswered } = kick
    if (unanswered.length === 0) return gone
    throw new CallRefusedError(
      WireCode.NetworkError,
      `${done}not confirmed by every node: ${unanswered.join(', ')} did not answer in time`,
      { kicked: gone, unansweredNodes: unanswered },
    )
  }
}

function unconfirmed(error: unknown, done = ''): CallRefusedError {
  const reason = error instanceof Error ? error.message : String(error)
  const detail = `${done}not confirmed by every node: ${reason}`
  return new CallRefusedError(WireCode.NetworkError, detail, undefined, error)
}
