/** The verdict on a handshake: the body of its HTTP answer, or the first text frame. */
import { WireCode } from './codes.js'

export interface Verdict {
  /** 0 = accepted. */
  errCode: number
  errMsg: string
  errDlt: string
}

/** Keys always all there, in this order. */
export function encodeVerdict({ errCode, errMsg, errDlt }: Verdict): string {
  return `{"errCode":${errCode},"errMsg":${JSON.stringify(errMsg)},"errDlt":${JSON.stringify(errDlt)}}`
}

/** Undefined = it is not JSON. */
export function parseVerdict(text: string): Verdict | undefined {
  try {
    const { errCode, errMsg, errDlt } = JSON.parse(text) as Verdict
    return { errCode, errMsg, errDlt }
  } catch {
    return undefined
  }
}

/** The first text frame of an accepted connection that asked for it with isMsgResp. Clients wait for it. */
export const SUCCESS_TEXT = encodeVerdict({ errCode: WireCode.Success, errMsg: '', errDlt: '' })

/** Content-Type of a handshake refused over HTTP (with status 200, as OpenIM does: native clients read the body). */
export const VERDICT_CONTENT_TYPE = 'application/json; charset=utf-8'
