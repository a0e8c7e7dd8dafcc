/** The answers to a request, as envelopes. */
import type { RequestLabels, ResponseEnvelope } from './codec/envelope.js'
import { type WireCode, wireErrorText } from './codes.js'
import { RequestId } from './requests.js'

/** `data` null = no byte slice at all; empty = an empty protobuf message. Clients tell the two apart. */
export function success(request: RequestLabels, data: Uint8Array | null): ResponseEnvelope {
  const { reqIdentifier, msgIncr, operationID } = request
  return { reqIdentifier, msgIncr, operationID, errCode: 0, errMsg: '', data }
}

/** `detail` says what was expected; without it the code's own text stands. */
export function failure(request: RequestLabels, errCode: WireCode, detail?: string): ResponseEnvelope {
  const { reqIdentifier, msgIncr, operationID } = request
  const name = wireErrorText(errCode)
  const errMsg = detail === undefined ? name : `${name}: ${detail}`
  return { reqIdentifier, msgIncr, operationID, errCode, errMsg, data: null }
}

/** 2002: the user may not stay. Only the identifier is set. */
export const kickFrame: ResponseEnvelope = {
  reqIdentifier: RequestId.Kick,
  msgIncr: '',
  operationID: '',
  errCode: 0,
  errMsg: '',
  data: null,
}
