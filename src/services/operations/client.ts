/** How a door calls an operation that a storage thread carries out. */
import { WireCode } from '../../openim/codes.js'
import { CallRefusedError } from '../call-refused.js'
import type { Caller } from './operation.js'
import { OPERATIONS, type OperationName } from './table.js'

/** What a storage thread is asked, and answers: as in `protocol/storage.ts`. */
export interface StorageCall extends Caller {
  operation: OperationName
  input: Uint8Array | string
}

export type StorageAnswer =
  | { ok: true; output: Uint8Array | string }
  | { ok: false; errCode: number; detail: string }

/** Asks the thread of a room. Rejects when it does not answer. */
export type AskStorage = (room: 'reader' | 'writer', call: StorageCall) => Promise<StorageAnswer>

export class Operations {
  readonly #ask: AskStorage | undefined

  /** Without `ask` no messages are served. */
  constructor(ask: AskStorage | undefined) {
    this.#ask = ask
  }

  get areServed(): boolean {
    return this.#ask !== undefined
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
    if (this.#ask === undefined) {
      throw new CallRefusedError(WireCode.ServerInternalError, 'messages are not served here (MESSAGES)')
    }
    const { room } = OPERATIONS[operation]
    const answer = await this.#ask(room, { ...caller, operation, input }).catch((error: unknown) => {
      throw new CallRefusedError(
        WireCode.DatabaseError,
        'storage does not answer; try again later',
        undefined,
        error,
      )
    })
    if (!answer.ok) throw new CallRefusedError(answer.errCode as WireCode, answer.detail)
    return answer.output
  }
}
