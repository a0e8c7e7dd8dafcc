/** Who is registered, and their profiles. */
import { WireCode } from '../../openim/codes.js'
import type { UserInfo } from '../../openim/proto/people.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import { checkUserId } from '../../rules/user-id.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import { findMany, lock, put } from '../../store/ports/steps.js'
import { users } from '../../store/schema/tables.js'
import { argsError, CallRefusedError } from '../call-refused.js'
import { assertLength, operation } from '../operations/operation.js'

export type User = RowOf<typeof users>

/** Users that one request may name. */
export const USERS_MAX = 1_000

/** Two IDs have to fit into the ID of a conversation, which is at most 255 bytes. */
const ID_BYTES_MAX = 125

/** In words to follow "userID". */
function checkLength(userId: UserId): string | undefined {
  return Buffer.byteLength(userId) > ID_BYTES_MAX ? `is longer than ${ID_BYTES_MAX} bytes` : undefined
}

/** The fields of a new user. */
export type NewUser = Pick<UserInfo, 'userID'> & Partial<UserInfo>

/** Register users, all or none. */
export const registerUsers = operation(
  'writer',
  function* ({ nowMs }, { users: asked }: { users: NewUser[] }): Operation<object> {
    assertLength('users', asked.length, USERS_MAX)
    const ids = asked.map(({ userID }) => userID)
    if (new Set(ids).size < ids.length) throw argsError('users: a userID comes twice')
    for (const [index, id] of ids.entries()) {
      const flaw = checkUserId(id) ?? checkLength(id)
      if (flaw !== undefined) throw argsError(`users.${index}.userID: ${flaw}`)
    }
    const known = (yield* findUsers(ids)).map(({ userId }) => userId)
    if (known.length > 0) {
      throw new CallRefusedError(WireCode.RegisteredAlreadyError, `registered already: ${known.join(', ')}`)
    }
    yield* put(
      users,
      asked.map((user) => newUser(user, nowMs)),
    )
    return {}
  },
)

/** Register a user that is not there yet. Throws for an account that nobody logs in to. True = they are new. */
export const ensureUser = operation('writer', function* ({ nowMs }, { userID }: NewUser): Operation<boolean> {
  const flaw = checkLength(userID)
  if (flaw !== undefined) throw argsError(`userID: ${flaw}`)
  const row = newUser({ userID, nickname: userID }, nowMs)
  const [user] = yield* lock(users, [row])
  assertPerson(user!.level)
  return user!.createdMs === nowMs
})

/** OpenIM's levels: from here on an account is no person. */
export const ACCOUNT_LEVEL = 3

/** Throws for an account that nobody logs in to. */
export function assertPerson(level: number): void {
  if (level >= ACCOUNT_LEVEL) throw argsError('userID: a notification account cannot log in')
}

/** Which of these are registered. */
export const checkUsers = operation(
  'reader',
  function* (
    _,
    { checkUserIDs }: { checkUserIDs: UserId[] },
  ): Operation<{ results: { userID: UserId; accountStatus: number }[] }> {
    assertLength('checkUserIDs', checkUserIDs.length, USERS_MAX)
    const known = new Set((yield* findUsers(checkUserIDs)).map(({ userId }) => userId))
    return {
      results: checkUserIDs.map((userID) => ({ userID, accountStatus: known.has(userID) ? 1 : 0 })),
    }
  },
)

/** The profiles of those that are registered, in the order asked. */
export const usersInfo = operation('reader', function* (_, { userIDs }: { userIDs: UserId[] }): Operation<{
  usersInfo: UserInfo[]
}> {
  assertLength('userIDs', userIDs.length, USERS_MAX)
  return { usersInfo: (yield* findUsers(userIDs)).map(userToWire) }
})

/** Those that are there, in the order asked. */
export function* findUsers(userIds: readonly UserId[]): Operation<User[]> {
  const found = yield* findMany(
    users,
    userIds.map((userId) => [bucketOfUser(userId), userId]),
  )
  return found.filter((user) => user !== undefined)
}

/** Throws 1004 where one of these is not registered. */
export function* assertRegistered(userIds: readonly UserId[]): Operation<void> {
  const known = new Set((yield* findUsers(userIds)).map(({ userId }) => userId))
  const unknown = userIds.find((userId) => !known.has(userId))
  if (unknown !== undefined)
    throw new CallRefusedError(WireCode.RecordNotFoundError, `${unknown}: not registered`)
}

/** Throws where a list of users is empty, too long, or names one twice. */
export function assertDistinct(name: string, userIds: readonly UserId[]): void {
  assertLength(name, userIds.length, USERS_MAX)
  if (userIds.length === 0) throw argsError(`${name}: expected at least one`)
  if (new Set(userIds).size < userIds.length) throw argsError(`${name}: a user comes twice`)
}

export function userToWire({ userId, nickname, faceUrl, ex, createdMs, level, recvOpt }: User): UserInfo {
  return {
    userID: userId,
    nickname,
    faceURL: faceUrl,
    ex,
    createTime: createdMs,
    appMangerLevel: level,
    globalRecvMsgOpt: recvOpt,
  }
}

function newUser(
  { userID, nickname, faceURL, ex, appMangerLevel, globalRecvMsgOpt }: NewUser,
  nowMs: number,
): User {
  return {
    bucket: bucketOfUser(userID),
    userId: userID,
    nickname: nickname ?? '',
    faceUrl: faceURL ?? '',
    ex: ex ?? '',
    createdMs: nowMs,
    level: appMangerLevel ?? 0,
    recvOpt: globalRecvMsgOpt ?? 0,
  }
}
