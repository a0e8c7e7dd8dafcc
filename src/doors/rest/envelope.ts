/** The form of every REST answer: OpenIM's envelope, and its errors. */
import { CodedError, type Retry } from '../../errors/errors.js'
import { retryOf } from '../../openim/catalogue.js'
import { WireCode, wireErrorText } from '../../openim/codes.js'

/** A failure that the caller is told about. Thrown by handlers, answered with HTTP 200 as OpenIM does. */
export class ApiError extends CodedError {
  readonly code = 'CALL_REFUSED'
  readonly errMsg: string

  constructor(
    readonly errCode: WireCode,
    /** What was wrong, in words. Never holds a token or a secret. */
    readonly errDlt: string,
    /** What was done all the same. */
    readonly data?: object,
  ) {
    const errMsg = wireErrorText(errCode)
    super(`${errCode} ${errMsg}: ${errDlt}`)
    this.errMsg = errMsg
  }

  get retry(): Retry {
    return retryOf(this.errCode)
  }

  /** Of the HTTP answer. */
  get status(): 200 | 413 | 500 {
    return this.errCode === WireCode.ServerInternalError ? 500 : 200
  }
}

/** A body above its bound: the rest of it is not read. */
export class TooLongError extends ApiError {
  constructor(bytesMax: number) {
    super(WireCode.ArgsError, `the body is longer than ${bytesMax} bytes`)
  }

  override get status(): 413 {
    return 413
  }
}

export const argsError = (detail: string) => new ApiError(WireCode.ArgsError, detail)
export const noPermissionError = (detail: string) => new ApiError(WireCode.NoPermissionError, detail)

/** `waitMs`: until the same call may be made again. */
export function retryAfterError(errCode: WireCode, detail: string, waitMs: number): ApiError {
  return new ApiError(errCode, `${detail}, retry after ${Math.ceil(waitMs / 1_000)} s`)
}

/** `data` is always there: SDKs take it apart without looking. */
export function success(data: object) {
  return { errCode: 0, errMsg: '', errDlt: '', data }
}

export function failure({ errCode, errMsg, errDlt, data }: ApiError) {
  return { errCode, errMsg, errDlt, ...(data && { data }) }
}
