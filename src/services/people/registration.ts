/** Use case: who may have a token where messages are served. A user who is not registered could receive none. */
import { type TokenFault, tokenFault } from '../../auth/tokens.js'
import { WireCode } from '../../openim/codes.js'
import type { UserId } from '../../rules/types.js'
import { checkUserId } from '../../rules/user-id.js'
import { CallRefusedError } from '../call-refused.js'
import type { Operations } from '../operations/client.js'
import type { Caller } from '../operations/operation.js'
import { assertPerson } from './users.js'

/** The server itself. */
const SERVER: Caller = { userId: '', isAdmin: true, operationId: 'registration' }

export class Registration {
  readonly #operations: Operations
  readonly #isOpenToAll: boolean

  constructor(operations: Operations, isOpenToAll: boolean) {
    this.#operations = operations
    this.#isOpenToAll = isOpenToAll
  }

  /** Why a user may have no token. Where all may, they are registered now. */
  async admit(userID: UserId): Promise<TokenFault | undefined> {
    if (checkUserId(userID) !== undefined) return undefined
    try {
      if (this.#isOpenToAll) {
        await this.#operations.callJson('ensureUser', SERVER, { userID })
        return undefined
      }
      const answer = JSON.parse(await this.#operations.callJson('usersInfo', SERVER, { userIDs: [userID] }))
      const [user] = answer.usersInfo
      if (user !== undefined) {
        assertPerson(user.appMangerLevel)
        return undefined
      }
    } catch (error) {
      if (error instanceof CallRefusedError) return tokenFault(error.errCode, error.errDlt)
      throw error
    }
    return tokenFault(WireCode.UserIDNotFoundError, 'userID: not registered; see /user/user_register (USERS)')
  }
}
