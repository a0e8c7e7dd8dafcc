/** What the whole cluster is asked: which connections a user has, and to end some. */
import { WireCode } from '../../openim/codes.js'
import type { Eviction, LoginInfo } from '../../rules/logins/eviction.js'
import type { UserId } from '../../rules/types.js'
import { ApiError } from './envelope.js'

/** Which logins of a user are ended by hand, whatever their numbers. */
export type KickOrder = Omit<Eviction, 'before'>

export interface KickResult {
  /** How many obeyed. */
  gone: number
  left: LoginInfo[]
  /** Nodes that hold the user and have not answered in time. */
  unanswered: string[]
}

export interface ClusterDeps {
  /** End connections on every node; it may be asked again. Rejects when it is not even known which nodes to ask. */
  kick(order: KickOrder): Promise<KickResult>
  /** A user's connections on every node. Rejects as `kick` does. */
  list(userId: UserId): Promise<Omit<KickResult, 'gone'>>
  /** Hears of every failure that is not the caller's. */
  report(error: unknown, path: string): void
}

/**
 * End connections on every node, then flag tokens. Every connection flags its own before its client hears of it;
 * `flag` is for those that no connection has, and ends whoever slipped in meanwhile. Returns how many were ended.
 * Throws NetworkError (90004) when not every node confirmed, with what is known: ask again.
 */
export async function endConnections(
  deps: ClusterDeps,
  path: string,
  order: KickOrder,
  flag?: () => Promise<void>,
): Promise<number> {
  const kick = await deps.kick(order).catch((error: unknown) => ({ error }))
  await flag?.()
  const done = flag ? 'the tokens are flagged; connections ' : ''
  if ('error' in kick) throw unconfirmed(deps, path, kick.error, done)
  const { gone, unanswered } = kick
  if (unanswered.length === 0) return gone
  throw new ApiError(
    WireCode.NetworkError,
    `${done}not confirmed by every node: ${unanswered.join(', ')} did not answer in time`,
    { kicked: gone, unansweredNodes: unanswered },
  )
}

/** What is known of a user's connections, and which nodes have not answered. Throws NetworkError (90004) as above. */
export async function listConnections(
  deps: ClusterDeps,
  path: string,
  userId: UserId,
): Promise<Omit<KickResult, 'gone'>> {
  try {
    return await deps.list(userId)
  } catch (error) {
    throw unconfirmed(deps, path, error)
  }
}

function unconfirmed(deps: ClusterDeps, path: string, error: unknown, done = ''): ApiError {
  deps.report(error, path)
  const reason = error instanceof Error ? error.message : String(error)
  return new ApiError(WireCode.NetworkError, `${done}not confirmed by every node: ${reason}`)
}
