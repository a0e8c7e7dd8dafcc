/** How the input of an operation becomes values, and its output text or bytes. */
import { argsError } from '../call-refused.js'

/** Of an operation that comes as protobuf. */
export interface ProtobufForm {
  decode(bytes: Uint8Array): unknown
  encode(output: unknown): Uint8Array
  /** The output as values, for JSON. */
  valueOf(output: unknown): unknown
}

interface MessageType<T> {
  decode(bytes: Uint8Array): T
  encode(message: T): { finish(): Uint8Array }
}

/** Input and output are values. */
export function protobuf<I, O>(request: MessageType<I>, response: MessageType<O>): { form: ProtobufForm } {
  return {
    form: {
      decode: (bytes) => request.decode(bytes),
      encode: (output) => response.encode(output as O).finish(),
      valueOf: (output) => output,
    },
  }
}

/** The output is put together from bytes. */
export function protobufOfBytes<I, O>(
  request: MessageType<I>,
  response: MessageType<O>,
): { form: ProtobufForm } {
  return {
    form: {
      decode: (bytes) => request.decode(bytes),
      encode: (output) => output as Uint8Array,
      valueOf: (output) => response.decode(output as Uint8Array),
    },
  }
}

/** Throws CALL_REFUSED. */
export function readInput(form: ProtobufForm | undefined, input: Uint8Array | string): unknown {
  if (typeof input === 'string') return JSON.parse(input)
  try {
    return form!.decode(input)
  } catch {
    throw argsError('data is not readable')
  }
}

/** In the kind that the input came in. Bytes in JSON are base64, as OpenIM has them. */
export function writeOutput(
  form: ProtobufForm | undefined,
  input: Uint8Array | string,
  output: unknown,
): Uint8Array | string {
  if (typeof input !== 'string') return form!.encode(output)
  return JSON.stringify(form === undefined ? output : form.valueOf(output), bytesAsBase64)
}

function bytesAsBase64(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}
