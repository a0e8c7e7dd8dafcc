/** How a door calls an operation that a storage thread carries out. */
import { WireCode } from '../../openim/codes.js'
import { MessageStatus } from '../../openim/content-types.js'
import type { OutgoingMessage, SendOutcome } from '../../rules/messages/types.js'
import { RecentMap } from '../../rules/recent-map.js'
import { CallRefusedError } from '../call-refused.js'
import type { Caller } from './operation.js'
import { OPERATIONS, type OperationName } from './table.js'

/** What a storage thread is asked, and answers: as in `protocol/operations.ts`. */
export interface StorageCall extends Caller {
  operation: OperationName
  input: Uint8Array | string
}

export type StorageAnswer =
  | { ok: true; output: Uint8Array | string }
  | { ok: false; errCode: number; detail: string }

/** Asks the writer to send a message. Rejects when it does not answer. */
export type AskToSend = (message: OutgoingMessage, operationId: string) => Promise<SendOutcome>

export interface StoragePort {
  ask: AskStorage
  send: AskToSend
}

/** Asks the thread of a room. Rejects when it does not answer. */
export type AskStorage = (room: 'reader' | 'writer', call: StorageCall) => Promise<StorageAnswer>

/** As the answer of REST has it. */
export interface SentData {
  serverMsgID: string
  clientMsgID: string
  sendTime: number
}

/** Sends of REST whose outcome is remembered. */
const STATUSES_MAX = 10_000

export class Operations {
  readonly #storage: StoragePort | undefined
  readonly #statuses = new RecentMap<string, number>(STATUSES_MAX)

  /** Without storage no messages are served. */
  constructor(storage: StoragePort | undefined) {
    this.#storage = storage
  }

  get areServed(): boolean {
    return this.#storage !== undefined
  }

  /** What a sender is told of a message once it is on disk. Throws CALL_REFUSED. */
  async send(message: OutgoingMessage, { operationId }: Caller): Promise<SentData> {
    const served = this.#served
    this.#statuses.set(operationId, MessageStatus.Sending)
    const outcome = await served.send(message, operationId).catch((error) => {
      this.#statuses.set(operationId, MessageStatus.Failed)
      return rethrow(error)
    })
    const isSent = outcome.kind === 'sent'
    this.#statuses.set(operationId, isSent ? MessageStatus.Sent : MessageStatus.Failed)
    if (!isSent) throw new CallRefusedError(outcome.errCode as WireCode, outcome.detail)
    const { serverMsgId, sentMs } = outcome
    return { serverMsgID: serverMsgId, clientMsgID: message.clientMsgId, sendTime: sentMs }
  }

  /** What came of the last `send` of an operation; undefined = none is known. One that failed may still have been stored. */
  statusOf(operationId: string): number | undefined {
    return this.#statuses.get(operationId)
  }

  /** The output as JSON text. Throws CALL_REFUSED. */
  async callJson(operation: OperationName, caller: Caller, input: object): Promise<string> {
    return (await this.#call(operation, caller, JSON.stringify(input))) as string
  }

  /** Input and output are protobuf messages. Throws CALL_REFUSED. */
  async callProtobuf(operation: OperationName, caller: Caller, input: Uint8Array): Promise<Uint8Array> {
    return (await this.#call(operation, caller, input)) as Uint8Array
  }

  async #call(
    operation: OperationName,
    caller: Caller,
    input: Uint8Array | string,
  ): Promise<Uint8Array | string> {
    const { room } = OPERATIONS[operation]
    const answer = await this.#served.ask(room, { ...caller, operation, input }).catch(rethrow)
    if (!answer.ok) throw new CallRefusedError(answer.errCode as WireCode, answer.detail)
    return answer.output
  }

  get #served(): StoragePort {
    if (this.#storage !== undefined) return this.#storage
    throw new CallRefusedError(WireCode.ServerInternalError, 'messages are not served here (MESSAGES)')
  }
}

function rethrow(error: unknown): never {
  throw new CallRefusedError(
    WireCode.DatabaseError,
    'storage does not answer; try again later',
    undefined,
    error,
  )
}
