/** Binary frames in all four encodings, as they come, and zipped here so that changes reach what is inside. */
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { FRAME_ENCODINGS, type FrameEncoding } from '../../../src/openim/codec/encodings.js'
import type { RequestEnvelope, ResponseEnvelope } from '../../../src/openim/codec/envelope.js'
import { WireCode } from '../../../src/openim/codes.js'
import { SetAppBackgroundStatusReq, SubUserOnlineStatus } from '../../../src/openim/proto/openim.js'
import { RequestId } from '../../../src/openim/requests.js'
import { INPUT_BYTES_MAX, type Run, refusing, type Target } from '../engine/target.js'

/** As by default. */
const INFLATED_BYTES_MAX = 524_288
const REFUSALS = ['BAD_ENVELOPE', 'MESSAGE_TOO_LONG']
/** A bit of the first byte, beside the encoding's index: the rest is what the frame inflates to. */
const ZIP_HERE = 4

const SAMPLES: readonly RequestEnvelope[] = [
  {
    reqIdentifier: RequestId.SubscribeStatus,
    token: '',
    sendID: 'ann',
    operationID: 'op-1',
    msgIncr: '1',
    data: SubUserOnlineStatus.encode({
      subscribeUserID: ['bob', 'cleo'],
      unsubscribeUserID: ['dan'],
    }).finish(),
  },
  {
    reqIdentifier: RequestId.SetBackground,
    token: 'a.b.c',
    sendID: 'änn 😀',
    operationID: '',
    msgIncr: '4294967296',
    data: SetAppBackgroundStatusReq.encode({ userID: 'ann', isBackground: true }).finish(),
  },
  { reqIdentifier: -1, token: '', sendID: '', operationID: '', msgIncr: '', data: new Uint8Array() },
]

const ANSWERS: readonly ResponseEnvelope[] = [
  {
    reqIdentifier: RequestId.Kick,
    msgIncr: '1',
    operationID: 'op',
    errCode: WireCode.ArgsError,
    errMsg: 'e',
    data: null,
  },
]

export const target: Target = {
  name: 'frames',
  what: 'binary frames (JSON, Gob, gzip): read or refused; what was read is read the same again',
  bytesMax: INPUT_BYTES_MAX,
  steps: { base: 20_000, perByte: 8 },
  seeds: () =>
    FRAME_ENCODINGS.flatMap((encoding) => [
      ...SAMPLES.map((sample) => tagged(encoding.index, encoding.encodeRequest(sample))),
      ...ANSWERS.map((sample) => tagged(encoding.index, encoding.encodeResponse(sample))),
      ...SAMPLES.map((sample) => tagged(encoding.index | ZIP_HERE, plainOf(encoding).encodeRequest(sample))),
    ]),
  open: (): Run => (input) => {
    const tag = input[0] ?? 0
    const encoding = FRAME_ENCODINGS[(tag & 3) as 0 | 1 | 2 | 3]
    const rest = input.subarray(1)
    const isZippedHere = (tag & ZIP_HERE) !== 0 && encoding.name.endsWith('gzip')
    readRequest(encoding, isZippedHere ? gzipSync(rest, { level: 1 }) : rest)
  },
}

function readRequest(encoding: FrameEncoding, frame: Uint8Array): void {
  const request = refusing(REFUSALS, () => encoding.decodeRequest(frame, INFLATED_BYTES_MAX))
  if (request === undefined) return
  const { reqIdentifier, token, sendID, operationID, msgIncr, data } = request
  assert.ok(reqIdentifier === (reqIdentifier | 0), 'reqIdentifier is no int32')
  const lengths = [token, sendID, operationID, msgIncr, data].map((part) => part.length)
  const length = lengths.reduce((sum, part) => sum + part, 0)
  assert.ok(length <= INFLATED_BYTES_MAX, `${length} characters and bytes were read`)
  const again = encoding.decodeRequest(encoding.encodeRequest(request), 4 * INFLATED_BYTES_MAX)
  assert.deepEqual(comparable(again), comparable(request))
}

/** Bytes as text, whichever class holds them; and JSON's -0 is 0. */
function comparable({ reqIdentifier, data, ...texts }: RequestEnvelope): unknown {
  return { ...texts, reqIdentifier: reqIdentifier + 0, data: Buffer.from(data).toString('latin1') }
}

function plainOf({ index }: FrameEncoding): FrameEncoding {
  return FRAME_ENCODINGS[(index & 1) as 0 | 1]
}

function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(tag), bytes])
}
