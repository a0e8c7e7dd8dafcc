/** The push of one message (2001), encoded once for each encoding in use however many connections get it. */
import { FRAME_ENCODINGS, type FrameEncodingIndex } from './codec/encodings.js'
import { encodeMessages } from './message-bytes.js'
import { RequestId } from './requests.js'

export class PushFrame {
  readonly #operationID: string
  readonly #data: Uint8Array
  readonly #frames: (Uint8Array | undefined)[] = []

  /** `body`: a protobuf MsgData. */
  constructor(push: { conversationId: string; body: Uint8Array; operationId: string }) {
    const { conversationId, body, operationId } = push
    this.#operationID = operationId
    this.#data = encodeMessages([{ conversationId, messages: [body], isEnd: false, endSeq: 0 }])
  }

  in(encoding: number): Uint8Array {
    this.#frames[encoding] ??= FRAME_ENCODINGS[encoding as FrameEncodingIndex].encodeResponse({
      reqIdentifier: RequestId.Push,
      msgIncr: '',
      operationID: this.#operationID,
      errCode: 0,
      errMsg: '',
      data: this.#data,
    })
    return this.#frames[encoding]
  }
}
