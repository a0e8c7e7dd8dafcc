/** The client's half of the handshake: what it asks for, and how it reads the verdict. */

import type { IncomingMessage } from 'node:http'
import { CodedError, type Retry } from '../errors/errors.js'
import { retryOf } from '../openim/catalogue.js'
import type { SdkType } from '../openim/codec/encodings.js'
import { parseVerdict, type Verdict } from '../openim/verdict.js'
import type { PlatformId, UserId } from '../rules/types.js'

export interface ConnectOptions {
  /** ws://host:port/path, without a query. */
  url: string
  token: string
  userId: UserId
  platformId: PlatformId
  /** Default js. */
  sdkType?: SdkType
  /** gzip; default false. */
  compression?: boolean
  /** Ask for the verdict as a text frame; default for js only, because OpenIM's Go client cannot bear one. */
  isMsgResp?: boolean
  background?: boolean
  /** One parameter each, or all of them packed into `v`. Default query. */
  form?: 'query' | 'v'
  headers?: Record<string, string>
  /** How long the handshake and each request may take. Default 10 s, as in OpenIM's SDKs. */
  timeoutMs?: number
}

/** The gateway, or what stands before it, did not take the connection. `errCode` 0 = it gave no reason. */
export class ConnectRefusedError extends CodedError {
  readonly code = 'CONNECT_REFUSED'
  constructor(
    readonly errCode: number,
    readonly errMsg: string,
    readonly errDlt: string,
    /** How the reason came. */
    readonly via: 'frame' | 'http' | 'none',
  ) {
    super(`connection refused: ${errCode} ${errMsg} ${errDlt}`.trimEnd())
  }

  get retry(): Retry {
    return retryOf(this.errCode)
  }
}

export function isMsgResp(options: ConnectOptions): boolean {
  return options.isMsgResp ?? options.sdkType !== 'go'
}

export function handshakeQuery(options: ConnectOptions): string {
  const common = {
    token: options.token,
    platformID: options.platformId,
    operationID: `op_${options.userId}`,
    sdkType: options.sdkType ?? 'js',
    compression: options.compression === true ? 'gzip' : '',
  }
  const background = options.background ?? false
  if (options.form === 'v') {
    const packed = { ...common, userID: options.userId, sendResponse: isMsgResp(options), background }
    return `v=${Buffer.from(JSON.stringify(packed)).toString('base64url')}`
  }
  const parameters = {
    ...common,
    sendID: options.userId,
    isMsgResp: isMsgResp(options),
    isBackground: background,
  }
  return Object.entries(parameters)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
}

export async function readRefusal(response: IncomingMessage): Promise<ConnectRefusedError> {
  let body = ''
  for await (const chunk of response) body += String(chunk)
  const verdict = parseVerdict(body)
  return verdict === undefined ? noReason(`HTTP ${response.statusCode}`) : refused(verdict, 'http')
}

export function refused(verdict: Verdict | undefined, via: 'frame' | 'http'): ConnectRefusedError {
  if (verdict === undefined) return noReason('no verdict that can be read')
  return new ConnectRefusedError(verdict.errCode, verdict.errMsg, verdict.errDlt, via)
}

export function noReason(why: string): ConnectRefusedError {
  return new ConnectRefusedError(0, '', why, 'none')
}
