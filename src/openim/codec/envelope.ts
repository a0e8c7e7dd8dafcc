/**
 * The envelope of OpenIM's binary frames, and what a codec of it does.
 *
 * A frame is `[gzip](codec(envelope))`; the envelope's `data` is a protobuf message named by `reqIdentifier`.
 */

/** client -> server. `sendID` must be the connection's user; `msgIncr` is the client's correlation key. */
export interface RequestEnvelope {
  reqIdentifier: number
  token: string
  sendID: string
  operationID: string
  msgIncr: string
  data: Uint8Array
}

/** What an answer repeats of its request. */
export type RequestLabels = Pick<RequestEnvelope, 'reqIdentifier' | 'operationID' | 'msgIncr'>

/** server -> client. `data` null = no byte slice at all (errors, 2002, 2004); empty = an empty protobuf message. */
export interface ResponseEnvelope {
  reqIdentifier: number
  msgIncr: string
  operationID: string
  errCode: number
  errMsg: string
  data: Uint8Array | null
}

/**
 * One encoding of the envelope. Decoders throw BAD_ENVELOPE on anything else and never anything but that;
 * what they return shares no memory with anything that changes.
 */
export interface EnvelopeCodec {
  readonly name: 'json' | 'gob'
  encodeResponse(response: ResponseEnvelope): Uint8Array
  decodeRequest(bytes: Uint8Array): RequestEnvelope
  /** The client's half: for the demo, the bench and the tests. */
  encodeRequest(request: RequestEnvelope): Uint8Array
  decodeResponse(bytes: Uint8Array): ResponseEnvelope
}
