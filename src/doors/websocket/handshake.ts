/**
 * The arguments of a connection, from the query string of its upgrade request. Pure: no token is checked here.
 *
 * Checks and their order are those of OpenIM v3.8.3-patch.14 and later, so that a client gets the error that it
 * would get there. Where v3.8.3 itself was more lenient, so is this:
 * - `isBackground` may be absent or empty (false); SDKs of v3.8.3 leave it out. A bad value is an error, code 500.
 * - `operationID` may be absent or empty ('').
 * - `compression` counts from the header `compression` even if the query has another value than gzip.
 * One check is Porchlight's own: user IDs that cannot live in Redis keys (see `checkUserId`) are refused.
 */

import type { SdkType } from '../../openim/codec/encodings.js'
import { WireCode, wireErrorText } from '../../openim/codes.js'
import type { PlatformId, UserId } from '../../rules/types.js'
import { checkUserId } from '../../rules/user-id.js'

/** Longest query string, in characters. A real one has some 500: the token is most of it. */
export const QUERY_LENGTH_MAX = 8192

export interface HandshakeArgs {
  token: string
  userId: UserId
  platformId: PlatformId
  /** '' when the client sent none. */
  operationId: string
  sdkType: SdkType
  /** gzip on every binary frame, both ways. */
  isCompressed: boolean
  /** The client waits for a text frame with the verdict before anything else. */
  isMsgResp: boolean
  /** What the client says; OpenIM starts every connection in the foreground whatever this is. */
  isBackground: boolean
}

/** How to refuse: 'http' = no upgrade, HTTP 200 with the error JSON; 'frame' = upgrade, one text frame, drop. */
export interface HandshakeError {
  errCode: WireCode
  errMsg: string
  errDlt: string
  respond: 'http' | 'frame'
}

export type Handshake = { ok: true; args: HandshakeArgs } | { ok: false; error: HandshakeError }

/**
 * @param query raw query string without `?`
 * @param compressionHeader value of the request header `compression`, '' when absent
 */
export function parseHandshake(
  query: string,
  compressionHeader: string,
  isKnownPlatform: (platformId: PlatformId) => boolean,
): Handshake {
  if (query.length > QUERY_LENGTH_MAX) return argsError('query is too long')
  const parameters = parseQuery(query)
  const packed = parameters.get('v') ?? ''
  const parsed = packed === '' ? fromQuery(parameters, compressionHeader) : fromPacked(packed)
  if (!parsed.ok) return parsed
  const { args, sdkType } = parsed
  if (args.token === '') return argsError('token is empty')
  if (args.userId === '') return argsError('sendID is empty')
  if (!isKnownPlatform(args.platformId)) return argsError('platformID is unknown')
  if (sdkType !== '' && sdkType !== 'go' && sdkType !== 'js') return argsError('sdkType is unknown')
  const flaw = checkUserId(args.userId)
  if (flaw !== undefined) return argsError(`sendID ${flaw}`)
  return { ok: true, args: { ...args, sdkType: sdkType === 'js' ? 'js' : 'go' } }
}

/**
 * The refusal of a handshake whose arguments were fine: its token was not (1501 to 1507, 500), say. A client that
 * asked for a verdict as a frame gets it as a frame; the others can read it only from an HTTP answer.
 */
export function refusal(args: HandshakeArgs, errCode: WireCode, errDlt: string): HandshakeError {
  return { errCode, errMsg: wireErrorText(errCode), errDlt, respond: args.isMsgResp ? 'frame' : 'http' }
}

/** 1601, decided before a parameter is read, so over HTTP always. */
export function connectionLimitError(errDlt: string): HandshakeError {
  return httpError(WireCode.ConnOverMaxNumLimit, errDlt)
}

/** 1612, decided before a parameter is read, so over HTTP always. */
export function loginRateError(errDlt: string): HandshakeError {
  return httpError(WireCode.TooManyLogins, errDlt)
}

/** 1002 to a web page of a foreign origin, decided before a parameter is read, so over HTTP always. */
export function foreignOriginError(): HandshakeError {
  return httpError(WireCode.NoPermissionError, 'this origin may not connect')
}

type RawArgs = Omit<HandshakeArgs, 'sdkType'>
type Parsed = { ok: true; args: RawArgs; sdkType: string } | { ok: false; error: HandshakeError }

function fromQuery(parameters: ReadonlyMap<string, string>, compressionHeader: string): Parsed {
  const get = (name: string): string => parameters.get(name) ?? ''
  const platformId = atoi(get('platformID'))
  if (platformId === undefined) return argsError('platformID is not int')
  const isMsgResp = get('isMsgResp') === '' ? false : parseBool(get('isMsgResp'))
  if (isMsgResp === undefined) return argsError('isMsgResp is not bool')
  const isBackground = get('isBackground') === '' ? false : parseBool(get('isBackground'))
  if (isBackground === undefined) {
    return { ok: false, error: httpError(WireCode.ServerInternalError, 'isBackground is not bool') }
  }
  return {
    ok: true,
    args: {
      token: get('token'),
      userId: get('sendID'),
      platformId,
      operationId: get('operationID'),
      isCompressed: get('compression') === 'gzip' || compressionHeader === 'gzip',
      isMsgResp,
      isBackground,
    },
    sdkType: get('sdkType'),
  }
}

/** The `v` form: one base64url JSON object in place of all other parameters and of the header. */
function fromPacked(packed: string): Parsed {
  // Node would skip other letters and padding, which Go refuses.
  if (!/^[\w-]+$/.test(packed) || packed.length % 4 === 1) return argsError('v is not base64url')
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(packed, 'base64url').toString())
  } catch {
    return argsError('v is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return argsError('v is not an object')
  const fields = new Map(Object.entries(value).map(([key, field]) => [key.toLowerCase(), field as unknown]))
  const read = <T>(key: string, zero: T): T => {
    const field = fields.get(key.toLowerCase())
    if (field === undefined || field === null) return zero
    if (typeof field !== typeof zero) throw new TypeError(`${key} in v is not a ${typeof zero}`)
    return field as T
  }
  try {
    const platformId = read<number>('platformID', 0)
    if (!Number.isSafeInteger(platformId)) return argsError('platformID in v is not int')
    return {
      ok: true,
      args: {
        token: read<string>('token', ''),
        userId: read<string>('userID', ''),
        platformId,
        operationId: read<string>('operationID', ''),
        isCompressed: read<string>('compression', '') === 'gzip',
        isMsgResp: read<boolean>('sendResponse', false),
        isBackground: read<boolean>('background', false),
      },
      sdkType: read<string>('sdkType', ''),
    }
  } catch (error) {
    return argsError((error as TypeError).message)
  }
}

/**
 * As Go's `url.ParseQuery` with `Get`: the first of several wins, `+` is a space, and a pair with `;` or a
 * malformed escape is left out, the others stay. Escapes that are not UTF-8 count as malformed here.
 */
function parseQuery(query: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';')) continue
    const equals = pair.indexOf('=')
    const name = unescapeQuery(equals < 0 ? pair : pair.slice(0, equals))
    const value = equals < 0 ? '' : unescapeQuery(pair.slice(equals + 1))
    if (name !== undefined && value !== undefined && !parameters.has(name)) parameters.set(name, value)
  }
  return parameters
}

function unescapeQuery(text: string): string | undefined {
  // Most texts have nothing to unescape: a token is base64url.
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** Go's `strconv.Atoi`: decimal digits with an optional sign, nothing else. */
function atoi(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

/** Go's `strconv.ParseBool`. */
function parseBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false
  return undefined
}

function argsError(errDlt: string): { ok: false; error: HandshakeError } {
  return { ok: false, error: httpError(WireCode.ConnArgsErr, errDlt) }
}

function httpError(errCode: WireCode, errDlt: string): HandshakeError {
  return { errCode, errMsg: wireErrorText(errCode), errDlt, respond: 'http' }
}
