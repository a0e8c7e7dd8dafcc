/** How a door calls an operation that a storage thread carries out. */
import { WireCode } from '../../openim/codes.js'
import type { OutgoingMessage, SendOutcome } from '../../rules/messages/types.js'
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

export class Operations {
  readonly #storage: StoragePort | undefined

  /** Without storage no messages are served. */
  constructor(storage: StoragePort | undefined) {
    this.#storage = storage
  }

  get areServed(): boolean {
    return this.#storage !== undefined
  }

  /** What a sender is told of a message once it is on disk. Throws CALL_REFUSED. */
  async send(message: OutgoingMessage, { operationId }: Caller): Promise<SentData> {
    const outcome = await this.#served.send(message, operationId).catch(rethrow)
    if (outcome.kind === 'refused') throw new CallRefusedError(outcome.errCode as WireCode, outcome.detail)
    const { serverMsgId, sentMs } = outcome
    return { serverMsgID: serverMsgId, clientMsgID: message.clientMsgId, sendTime: sentMs }
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
