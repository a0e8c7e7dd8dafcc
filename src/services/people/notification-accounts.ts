/** Accounts that notify users: of a shop, say, or of the app itself. They cannot log in; servers send in their names. */
import type { RequestPagination } from '../../openim/proto/conversations.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import { checkUserId } from '../../rules/user-id.js'
import type { Operation } from '../../store/ports/database.js'
import { put, scan } from '../../store/ports/steps.js'
import { notificationAccounts, users } from '../../store/schema/tables.js'
import { argsError } from '../call-refused.js'
import { assertAdmin, assertLength, operation, sliceOf } from '../operations/operation.js'
import { ACCOUNT_LEVEL, findUsers, USERS_MAX, type User } from './users.js'

const ACCOUNTS_MAX = 10_000
const BUCKET = 0
const ID_BYTES = 10

interface Account {
  userID: UserId
  nickName: string
  faceURL: string
  appMangerLevel: number
}

/** Without an ID it gets one of ten digits. */
export const addNotificationAccount = operation(
  'writer',
  function* (
    { caller, nowMs, newId },
    { userID, nickName, faceURL, appMangerLevel }: Account,
  ): Operation<Account> {
    assertAdmin(caller)
    if (appMangerLevel < ACCOUNT_LEVEL) throw argsError(`appMangerLevel: expected ${ACCOUNT_LEVEL} or more`)
    const id = userID === '' ? digitsOf(newId()) : userID
    const flaw = checkUserId(id)
    if (flaw !== undefined) throw argsError(`userID: ${flaw}`)
    if ((yield* findUsers([id])).length > 0) throw argsError('userID: registered already')
    const known = yield* scan(notificationAccounts, [BUCKET])
    assertLength('notification accounts', known.length + 1, ACCOUNTS_MAX)
    const rest = { ex: '', createdMs: nowMs, level: appMangerLevel, recvOpt: 0 }
    const row = { bucket: bucketOfUser(id), userId: id, nickname: nickName, faceUrl: faceURL, ...rest }
    yield* put(users, [row])
    yield* put(notificationAccounts, [{ bucket: BUCKET, userId: id }])
    return accountOf(row)
  },
)

/** An empty text changes nothing. */
export const updateNotificationAccount = operation(
  'writer',
  function* ({ caller }, { userID, nickName, faceURL }: Omit<Account, 'appMangerLevel'>): Operation<object> {
    assertAdmin(caller)
    const [user] = yield* findUsers([userID])
    if (user === undefined || user.level < ACCOUNT_LEVEL) throw argsError('userID: no notification account')
    yield* put(users, [
      { ...user, ...(nickName && { nickname: nickName }), ...(faceURL && { faceUrl: faceURL }) },
    ])
    return {}
  },
)

/** By exact ID or nickname; all without a word. */
export const searchNotificationAccounts = operation(
  'reader',
  function* (
    { caller },
    { keyword, pagination }: { keyword: string; pagination: RequestPagination },
  ): Operation<{ total: number; notificationAccounts: Account[] }> {
    assertAdmin(caller)
    const { offset, limit } = sliceOf(pagination, USERS_MAX)
    const ids = (yield* scan(notificationAccounts, [BUCKET])).map(({ userId }) => userId)
    const all = yield* findUsers(ids)
    const found = all.filter(
      ({ userId, nickname }) => keyword === '' || userId === keyword || nickname === keyword,
    )
    return { total: found.length, notificationAccounts: found.slice(offset, offset + limit).map(accountOf) }
  },
)

function accountOf({ userId, nickname, faceUrl, level }: User): Account {
  return { userID: userId, nickName: nickname, faceURL: faceUrl, appMangerLevel: level }
}

/** From an ID that nobody else has, 1000000000 to 9999999999. */
function digitsOf(id: string): string {
  const range = 9_000_000_000n
  const number = BigInt(`0x${Buffer.from(id).subarray(0, ID_BYTES).toString('hex')}`)
  return String(1_000_000_000n + (number % range))
}
