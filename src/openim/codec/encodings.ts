/**
 * The four encodings that the binary frames of a connection can have. A topic exists once for each of them, so
 * that a change is encoded at most four times however many connections watch.
 */

import type { EnvelopeCodec, RequestEnvelope, ResponseEnvelope } from './envelope.js'
import { gobCodec } from './gob.js'
import { gunzip, gzip } from './gzip.js'
import { jsonCodec } from './json.js'

export type SdkType = 'js' | 'go'
export type FrameEncodingIndex = 0 | 1 | 2 | 3

export interface FrameEncoding {
  /** Its place in `FRAME_ENCODINGS`; small and stable within a release, for topic names and arrays. */
  readonly index: FrameEncodingIndex
  readonly name: 'json' | 'gob' | 'json+gzip' | 'gob+gzip'
  encodeResponse(response: ResponseEnvelope): Uint8Array
  /** The encoded envelope. Throws BAD_ENVELOPE, or MESSAGE_TOO_LONG when it inflates to more than `inflatedBytesMax`. */
  unpack(frame: Uint8Array, inflatedBytesMax: number): Uint8Array
  /** What `unpack` gave. Throws BAD_ENVELOPE. */
  readRequest(unpacked: Uint8Array): RequestEnvelope
  /** Both. */
  decodeRequest(frame: Uint8Array, inflatedBytesMax: number): RequestEnvelope
  /** The client's half: for the demo, the bench and the tests. Errors as above. */
  encodeRequest(request: RequestEnvelope): Uint8Array
  decodeResponse(frame: Uint8Array, inflatedBytesMax: number): ResponseEnvelope
}

export const FRAME_ENCODINGS: readonly [FrameEncoding, FrameEncoding, FrameEncoding, FrameEncoding] = [
  plain(0, jsonCodec),
  plain(1, gobCodec),
  zipped(2, jsonCodec),
  zipped(3, gobCodec),
]

/** The encoding that a handshake asked for. */
export function frameEncoding(sdkType: SdkType, isCompressed: boolean): FrameEncoding {
  return FRAME_ENCODINGS[(sdkType === 'go' ? 1 : 0) + (isCompressed ? 2 : 0)]
}

function plain(index: FrameEncodingIndex, codec: EnvelopeCodec): FrameEncoding {
  return {
    index,
    name: codec.name,
    encodeResponse: codec.encodeResponse,
    unpack: (frame) => frame,
    readRequest: codec.decodeRequest,
    decodeRequest: codec.decodeRequest,
    encodeRequest: codec.encodeRequest,
    decodeResponse: codec.decodeResponse,
  }
}

function zipped(index: FrameEncodingIndex, codec: EnvelopeCodec): FrameEncoding {
  return {
    index,
    name: `${codec.name}+gzip`,
    encodeResponse: (response) => gzip(codec.encodeResponse(response)),
    unpack: gunzip,
    readRequest: codec.decodeRequest,
    decodeRequest: (frame, inflatedBytesMax) => codec.decodeRequest(gunzip(frame, inflatedBytesMax)),
    encodeRequest: (request) => gzip(codec.encodeRequest(request)),
    decodeResponse: (frame, inflatedBytesMax) => codec.decodeResponse(gunzip(frame, inflatedBytesMax)),
  }
}
