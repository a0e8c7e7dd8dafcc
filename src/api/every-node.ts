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

/** What was done before nodes are asked, for a caller who learns that they did not all answer. */
export type DoneBefore = 'nothing' | 'the token is flagged' | 'the tokens are flagged'

/** How many connections were ended. Throws NetworkError (90004) when not every node confirmed: ask again. */
export async function endConnections(
  deps: ClusterDeps,
  path: string,
  order: KickOrder,
  done: DoneBefore,
): Promise<number> {
  const { gone } = await everyNode(deps, path, () => deps.kick(order), done)
  return gone
}

export function listConnections(deps: ClusterDeps, path: string, userId: UserId): Promise<LoginInfo[]> {
  return everyNode(deps, path, () => deps.list(userId), 'nothing')
}

async function everyNode<T>(
  deps: ClusterDeps,
  path: string,
  ask: () => Promise<T>,
  done: DoneBefore,
): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    deps.report(error, path)
    const reason = `not confirmed by every node: ${error instanceof Error ? error.message : String(error)}`
    throw new ApiError(WireCode.NetworkError, done === 'nothing' ? reason : `${done}; connections ${reason}`)
  }
}
