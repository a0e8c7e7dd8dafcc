/** Users who chat in pairs, on record at a gateway or in a bare engine. */
import '../../test/support/entry.js'
import { join } from 'node:path'
import { openFile } from '../../src/node/message-database.js'
import { Platform } from '../../src/openim/platforms.js'
import { MsgData } from '../../src/openim/proto/messages.js'
import type { UserId } from '../../src/rules/types.js'
import { loginPath } from '../../src/sdk/light-client.js'
import { outgoingFrom } from '../../src/services/messages/outgoing.js'
import { type Sending, sendAll } from '../../src/services/messages/send.js'
import type { OperationContext } from '../../src/services/operations/operation.js'
import { registerUsers } from '../../src/services/people/users.js'
import type { Operation } from '../../src/store/ports/database.js'
import { MessagingCrowd } from '../crowd/messaging.js'
import { BareEngine, Recorder } from './bare-engine.js'
import { peerOf, talkerIds } from './chat-pairs.js'
import { type Gateway, startGateway } from './gateway.js'
import { type IssuedToken, makeTokens, recordTokensInFile } from './records.js'
import type { Scope } from './scope.js'
import { textOf } from './send-frame.js'

/** Of one operation. */
const REGISTERED_AT_ONCE = 1_000

/** Limits that a few users reach when nothing else limits them. */
export const TALKER_LIMITS = {
  REQUESTS_PER_S_MAX: '1000000',
  REQUESTS_PER_S_PER_USER: '10000000',
  SENDS_PER_MIN_PER_USER: '10000000',
}

/** A gateway with its own store, which knows everybody, and everybody connected to it. */
export async function startChats(
  scope: Scope,
  users: number,
  env: Record<string, string> = {},
): Promise<{ gateway: Gateway; crowd: MessagingCrowd }> {
  const accounts = await makeTokens(talkerIds(users), Platform.Android)
  const gateway = await startGateway(scope, {
    env: { ...TALKER_LIMITS, ...env },
    prepare: (dataDir) => record(dataDir, accounts),
  })
  const crowd = MessagingCrowd.start(scope)
  await crowd.come(gateway.wsPort, accounts.map(loginPath), talkerIds(users))
  return { gateway, crowd }
}

/** Their tokens, and that they are registered. */
export async function record(dataDir: string, accounts: readonly IssuedToken[]): Promise<void> {
  await recordTokensInFile(dataDir, accounts)
  const database = await openFile(dataDir)
  for (const registration of registrations(accounts.map(({ userId }) => userId))) {
    await database.write(() => registration)
  }
  await database.close()
}

function* registrations(userIds: readonly UserId[]): Generator<Operation<object>> {
  const context = { nowMs: Date.now() } as OperationContext
  for (let at = 0; at < userIds.length; at += REGISTERED_AT_ONCE) {
    const users = userIds.slice(at, at + REGISTERED_AT_ONCE).map((userID) => ({ userID, nickname: userID }))
    yield registerUsers.run(context, { users })
  }
}

/** The same chats in a bare engine: what the gateway's would be asked for them, and nothing else. */
export class EngineChats {
  readonly #recorder: Recorder
  readonly #engine: BareEngine
  readonly #userIds: UserId[]
  #sends = 0
  #nowMs = Date.now()

  constructor(scope: Scope, users: number) {
    const folder = scope.folder()
    const recorder = new Recorder(join(folder, 'recorded.db'))
    const engine = new BareEngine(join(folder, 'bare.db'))
    scope.defer(() => {
      recorder.close()
      engine.close()
    })
    this.#recorder = recorder
    this.#engine = engine
    this.#userIds = talkerIds(users)
    for (const registration of registrations(this.#userIds)) this.#transaction(registration)()
  }

  /** As many sends, by users in turn, in transactions of so many; what is returned carries them out. */
  sends(count: number, batch: number): () => void {
    const transactions: (() => void)[] = []
    for (let left = count; left > 0; left -= batch) {
      const sendings = Array.from({ length: Math.min(batch, left) }, () => this.#next())
      transactions.push(this.#transaction(sendAll(sendings, this.#nowMs++)))
    }
    return () => {
      for (const transaction of transactions) transaction()
    }
  }

  #next(): Sending {
    const n = this.#sends++
    const count = this.#userIds.length
    const [sender, receiver] = [n % count, peerOf(n % count, count)].map((at) => this.#userIds[at]!)
    const message = textOf(sender!, receiver!, String(n).padStart(32, '0'))
    const caller = { userId: sender!, isAdmin: false, operationId: 'bench' }
    const bytes = MsgData.encode(message).finish()
    return {
      message: outgoingFrom(message, bytes, caller, (given) => given),
      operationId: caller.operationId,
    }
  }

  #transaction(operation: Operation<unknown>): () => void {
    return this.#engine.transaction(this.#recorder.record(operation).queries)
  }
}
