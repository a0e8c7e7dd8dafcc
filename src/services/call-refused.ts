/** What a use case tells its caller of a call that it does not serve: an error of OpenIM's. Every door knows it. */
import type { TokenFault } from '../auth/tokens.js'
import { CodedError, type Retry } from '../errors/errors.js'
import { retryOf } from '../openim/catalogue.js'
import { retryAfter, WireCode, wireErrorText } from '../openim/codes.js'

export class CallRefusedError extends CodedError {
  readonly code = 'CALL_REFUSED'
  readonly errMsg: string

  /**
   * `errDlt`: what was wrong, in words; never a token or a secret. `data`: what was done all the same. `cause`: a
   * failure that is not the caller's, for the log.
   */
  constructor(
    readonly errCode: WireCode,
    readonly errDlt: string,
    readonly data?: object,
    cause?: unknown,
  ) {
    const errMsg = wireErrorText(errCode)
    super(`${errCode} ${errMsg}: ${errDlt}`, { cause })
    this.errMsg = errMsg
  }

  get retry(): Retry {
    return retryOf(this.errCode)
  }
}

export const argsError = (detail: string) => new CallRefusedError(WireCode.ArgsError, detail)
export const noPermissionError = (detail: string) => new CallRefusedError(WireCode.NoPermissionError, detail)

/** `waitMs`: until the same call may be made again. */
export function retryAfterError(errCode: WireCode, detail: string, waitMs: number): CallRefusedError {
  return new CallRefusedError(errCode, `${detail}, ${retryAfter(waitMs)}`)
}

export function refusedBy({ errCode, errDlt }: TokenFault): CallRefusedError {
  return new CallRefusedError(errCode, errDlt)
}

/** Throws what the token service refused. */
export function accepted<T extends { ok: true }>(outcome: T | TokenFault): T {
  if (outcome.ok) return outcome
  throw refusedBy(outcome)
}
