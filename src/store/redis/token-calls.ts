/** Scripts about the tokens of one user on one platform, and what their failures mean. */
import type { PlatformId, UserId } from '../../rules/types.js'
import * as scripts from './scripts/scripts.js'
import type { StoreContext } from './store-context.js'

export class TokenCalls {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  /** Throws for a platform that this node does not know. */
  ownerOf(userId: UserId, platformId: PlatformId): scripts.TokenOwner {
    const platformName = this.#context.options.platforms.nameOf(platformId)
    if (platformName === undefined) throw new Error(`Platform ${platformId} is unknown.`)
    return { userId, platformName }
  }

  /** Fails with STORE_UNAVAILABLE when Redis does not run it, with DAMAGED_RECORD when it cannot for this user. */
  run(owner: scripts.TokenOwner, call: scripts.ScriptCall): Promise<unknown> {
    return scripts.runScript(this.#context.client, call).catch(this.failing(owner))
  }

  /** For the `catch` of a command about this owner: the same failures as those of `run`. */
  failing({ userId, platformName }: scripts.TokenOwner): (error: unknown) => never {
    const { keys, damage } = this.#context
    return damage.rejecting(() => [
      keys.tokens(userId, platformName),
      keys.tokenSide(userId, platformName),
      keys.refresh(userId, platformName),
    ])
  }
}
