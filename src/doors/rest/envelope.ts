/** The form of every REST answer: OpenIM's envelope, and its errors. HTTP 200 for all but two, as OpenIM does. */
import { WireCode } from '../../openim/codes.js'
import { CallRefusedError } from '../../services/call-refused.js'

/** A body above its bound: the rest of it is not read. */
export class TooLongError extends CallRefusedError {
  constructor(bytesMax: number) {
    super(WireCode.ArgsError, `the body is longer than ${bytesMax} bytes`)
  }
}

/** Of the HTTP answer. */
export function statusOf(error: CallRefusedError): 200 | 413 | 500 {
  if (error instanceof TooLongError) return 413
  return error.errCode === WireCode.ServerInternalError ? 500 : 200
}

/** An answer that is JSON already. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** The whole answer as text. `data` is always there: SDKs take it apart without looking. */
export function success(data: object): string {
  const text = data instanceof JsonText ? data.text : JSON.stringify(data)
  return `{"errCode":0,"errMsg":"","errDlt":"","data":${text}}`
}

export function failure({ errCode, errMsg, errDlt, data }: CallRefusedError) {
  return { errCode, errMsg, errDlt, ...(data && { data }) }
}
