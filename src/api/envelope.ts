/** The form of every REST answer: OpenIM's envelope, and its errors. */
import { WireCode, wireErrorText } from '../gateway/wire-errors.js'

/** A failure that the caller is told about. Thrown by handlers, answered with HTTP 200 as OpenIM does. */
export class ApiError extends Error {
  readonly errMsg: string

  constructor(
    readonly errCode: WireCode,
    /** What was wrong, in words. Never holds a token or a secret. */
    readonly errDlt: string,
  ) {
    const errMsg = wireErrorText(errCode)
    super(`${errCode} ${errMsg}: ${errDlt}`)
    this.errMsg = errMsg
  }
}

export const argsError = (detail: string) => new ApiError(WireCode.ArgsError, detail)
export const noPermissionError = (detail: string) => new ApiError(WireCode.NoPermissionError, detail)

/** `data` is always there: SDKs take it apart without looking. */
export function success(data: object) {
  return { errCode: 0, errMsg: '', errDlt: '', data }
}

export function failure(error: ApiError) {
  return { errCode: error.errCode, errMsg: error.errMsg, errDlt: error.errDlt }
}
