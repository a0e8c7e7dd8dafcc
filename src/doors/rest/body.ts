/**
 * The body of a call, however it is framed (Content-Length, chunked, none), coded (gzip, deflate, br) and labelled:
 * JSON in the end. Bounded as it comes and as it unpacks.
 */
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib'
import type { Context } from 'hono'
import { hasCode } from '../../errors/errors.js'
import { argsError } from '../../services/call-refused.js'
import { TooLongError } from './envelope.js'

/** A thousand user IDs of the longest, escaped as JSON encoders do at their worst for the usual alphabets. */
export const BODY_BYTES_MAX = 262_144

type Unpack = (packed: Buffer, bounds: { maxOutputLength: number }) => Promise<Buffer>

const UNPACK: ReadonlyMap<string, Unpack> = new Map<string, Unpack>([
  ['gzip', promisify(gunzip) as Unpack],
  ['x-gzip', promisify(gunzip) as Unpack],
  ['br', promisify(brotliDecompress) as Unpack],
  ['deflate', inflateEither],
])

/** The parsed body. Throws CallRefusedError for whatever is wrong with it. */
export async function readJson(c: Context): Promise<unknown> {
  const bytes = await unpack(await readBytes(c), c.req.header('content-encoding'))
  if (bytes.length === 0) throw argsError('the body is empty, and no JSON')
  const text = decode(bytes, c.req.header('content-type'))
  try {
    return JSON.parse(text)
  } catch {
    throw argsError('the body is not JSON')
  }
}

/** A protobuf message as it came; undefined = the body is labelled as something else. Throws CallRefusedError. */
export async function readProtobuf(c: Context): Promise<Uint8Array | undefined> {
  const contentType = c.req.header('content-type') ?? ''
  if (!/^application\/(x-)?protobuf\b/i.test(contentType)) return undefined
  return unpack(await readBytes(c), c.req.header('content-encoding'))
}

async function readBytes(c: Context): Promise<Buffer> {
  const announced = c.req.header('content-length')
  if (Number(announced) > BODY_BYTES_MAX) throw new TooLongError(BODY_BYTES_MAX)
  try {
    // The server has held it to what was announced.
    if (announced !== undefined) return Buffer.from(await c.req.arrayBuffer())
    return await readStream(c.req.raw.body)
  } catch (error) {
    if (error instanceof TooLongError) throw error
    throw argsError('the body did not arrive as a whole')
  }
}

async function readStream(stream: ReadableStream<Uint8Array> | null): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream ?? []) {
    length += chunk.length
    if (length > BODY_BYTES_MAX) throw new TooLongError(BODY_BYTES_MAX)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function unpack(bytes: Buffer, encoding = 'identity'): Promise<Buffer> {
  const name = encoding.trim().toLowerCase()
  if (name === 'identity' || name === '' || bytes.length === 0) return bytes
  const unpacking = UNPACK.get(name)
  if (unpacking === undefined) throw argsError('Content-Encoding: expected one of gzip, deflate and br')
  try {
    return await unpacking(bytes, { maxOutputLength: BODY_BYTES_MAX })
  } catch (error) {
    if (hasCode(error, 'ERR_BUFFER_TOO_LARGE')) throw new TooLongError(BODY_BYTES_MAX)
    throw argsError(`the body is not ${name}, as its Content-Encoding says`)
  }
}

/** HTTP means zlib's form; some clients send the bare one. */
async function inflateEither(packed: Buffer, bounds: { maxOutputLength: number }): Promise<Buffer> {
  const hasZlibHead = packed.length > 1 && (packed[0]! & 0x0f) === 8 && packed.readUInt16BE(0) % 31 === 0
  return promisify(hasZlibHead ? inflate : inflateRaw)(packed, bounds) as Promise<Buffer>
}

/** Without the mark of its byte order, if it has one. */
function decode(bytes: Buffer, contentType = ''): string {
  const charset = /;\s*charset\s*=\s*"?([\w-]+)/i.exec(contentType)?.[1] ?? 'utf-8'
  let decoder: InstanceType<typeof TextDecoder>
  try {
    decoder = new TextDecoder(charset, { fatal: true })
  } catch {
    throw argsError('Content-Type: an unknown charset')
  }
  try {
    return decoder.decode(bytes)
  } catch {
    throw argsError(`the body is not text in ${charset.toLowerCase()}`)
  }
}
