/** User commands: what clients note for a user, for whatever they like (bookmarks, say), by kind and by an ID of theirs. */
import { WireCode } from '../../openim/codes.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import { canBeKey } from '../../store/ports/ids.js'
import { count, findOne, put, remove, scan } from '../../store/ports/steps.js'
import { userCommands } from '../../store/schema/tables.js'
import { argsError, CallRefusedError } from '../call-refused.js'
import { assertSelf, operation } from '../operations/operation.js'
import { assertRegistered } from './users.js'
import { seconds } from './wire.js'

type Command = RowOf<typeof userCommands>

/** Of one user. */
const COMMANDS_MAX = 1_000

interface Named {
  userID: UserId
  type: number
  uuid: string
}

interface Given extends Named {
  value?: string | null
  ex?: string | null
}

/** One that is there already is replaced. */
export const addCommand = operation(
  'writer',
  function* ({ caller, nowMs }, { userID, type, uuid, value, ex }: Given): Operation<object> {
    assertSelf(caller, userID)
    yield* assertRegistered([userID])
    if (!canBeKey([uuid])) throw argsError('uuid: expected a text of at most 255 bytes, without U+0000')
    const bucket = bucketOfUser(userID)
    const known = yield* findOne(userCommands, bucket, userID, type, uuid)
    if (known === undefined && (yield* count(userCommands, [bucket, userID])) >= COMMANDS_MAX)
      throw argsError(`a user may have ${COMMANDS_MAX} commands`)
    const row = { bucket, userId: userID, type, uuid, createdMs: nowMs, value: value ?? '', ex: ex ?? '' }
    yield* put(userCommands, [row])
    return {}
  },
)

export const updateCommand = operation(
  'writer',
  function* ({ caller }, { value, ex, ...named }: Given): Operation<object> {
    assertSelf(caller, named.userID)
    const command = yield* theCommand(named)
    yield* put(userCommands, [{ ...command, value: value ?? command.value, ex: ex ?? command.ex }])
    return {}
  },
)

export const deleteCommand = operation('writer', function* ({ caller }, named: Named): Operation<object> {
  assertSelf(caller, named.userID)
  const { bucket, userId, type, uuid } = yield* theCommand(named)
  yield* remove(userCommands, [[bucket, userId, type, uuid]])
  return {}
})

/** Of one kind. */
export const commandsOfType = operation(
  'reader',
  function* ({ caller }, { userID, type }: { userID: UserId; type: number }): Operation<object> {
    assertSelf(caller, userID)
    return answerOf(yield* scan(userCommands, [bucketOfUser(userID), userID, type]))
  },
)

export const allCommands = operation(
  'reader',
  function* ({ caller }, { userID }: { userID: UserId }): Operation<object> {
    assertSelf(caller, userID)
    return answerOf(yield* scan(userCommands, [bucketOfUser(userID), userID]))
  },
)

function* theCommand({ userID, type, uuid }: Named): Operation<Command> {
  const command = yield* findOne(userCommands, bucketOfUser(userID), userID, type, uuid)
  if (command !== undefined) return command
  throw new CallRefusedError(WireCode.RecordNotFoundError, 'uuid: no such command of this type')
}

function answerOf(commands: readonly Command[]): object {
  return {
    // Spelled so upstream.
    CommandResp: commands.map(({ type, createdMs, uuid, value, ex }) => ({
      type,
      createTime: seconds(createdMs),
      uuid,
      value,
      ex,
    })),
  }
}
