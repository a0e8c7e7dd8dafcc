/** A node's REST as an administrator calls it, with the answer as it came. */
import { SECRET } from './node.js'

export interface RestAnswer {
  errCode: number
  errMsg: string
  errDlt: string
  data?: unknown
}

/** By the node's address. */
const adminTokens = new Map<string, string>()

/** Throws when there is no answer within `deadlineMs`. */
export async function askRest(
  node: { apiUrl: string },
  path: string,
  body: object,
  deadlineMs = 10_000,
): Promise<RestAnswer> {
  let token = adminTokens.get(node.apiUrl)
  if (token === undefined) {
    const credentials = { secret: SECRET, userID: 'imAdmin' }
    const answer = await post(`${node.apiUrl}/auth/get_admin_token`, credentials, {}, deadlineMs)
    // Nothing more can be asked then.
    if (answer.errCode !== 0) return answer
    token = (answer.data as { token: string }).token
    adminTokens.set(node.apiUrl, token)
  }
  return post(node.apiUrl + path, body, { token }, deadlineMs)
}

async function post(
  url: string,
  body: object,
  headers: Record<string, string>,
  deadlineMs: number,
): Promise<RestAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', operationID: 'test', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(deadlineMs),
  })
  return (await response.json()) as RestAnswer
}
