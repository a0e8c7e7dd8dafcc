/** What the whole cluster is asked: which connections a user has, and to end some. */
import { WireCode } from '../gateway/wire-errors.js'
import type { Eviction, LoginInfo } from '../presence/eviction.js'
import type { UserId } from '../presence/types.js'
import { ApiError } from './envelope.js'

/** Which logins of a user are ended by hand, whatever their numbers. */
export type KickOrder = Omit<Eviction, 'before'>

export interface ClusterDeps {
  /**
   * End connections on every node. `gone`: how many obeyed. Rejects when some node did not confirm in time, with a
   * message that says what is unconfirmed; it may be asked again.
   */
  kick(order: KickOrder): Promise<{ gone: number; left: LoginInfo[] }>
  /** A user's connections on every node. Rejects as `kick` does. */
  list(userId: UserId): Promise<LoginInfo[]>
  /** Hears of every failure that is not the caller's. */
  report(error: unknown, path: string): void
}

/**
 * End connections on every node, then flag tokens. Every connection flags its own before its client hears of it;
 * `flag` is for those that no connection has, and ends whoever slipped in meanwhile. Returns how many were ended.
 * Throws NetworkError (90004) when not every node confirmed: ask again.
 */
export async function endConnections(
  deps: ClusterDeps,
  path: string,
  order: KickOrder,
  flag?: () => Promise<void>,
): Promise<number> {
  const kick = await deps.kick(order).then(
    ({ gone }) => ({ gone }),
    (error: unknown) => ({ error }),
  )
  await flag?.()
  if ('gone' in kick) return kick.gone
  throw unconfirmed(deps, path, kick.error, flag && 'the tokens are flagged; connections ')
}

export async function listConnections(deps: ClusterDeps, path: string, userId: UserId): Promise<LoginInfo[]> {
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
