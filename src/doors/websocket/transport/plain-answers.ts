/** What the WebSocket port answers to requests that are no handshake. */

export interface PlainAnswer {
  status: number
  body: string
}

const HEALTHY: PlainAnswer = { status: 200, body: 'ok\n' }
const WHAT_THIS_IS: PlainAnswer = {
  status: 200,
  body: 'Porchlight: this port speaks WebSocket; GET /healthz says that it is alive.\n',
}
/** Body of the answer (426) to a request that is no WebSocket handshake. */
export const UPGRADE_REQUIRED: PlainAnswer = { status: 426, body: 'This port speaks WebSocket only.\n' }

/** `path`: without its query. */
export function plainAnswer(method: string, path: string): PlainAnswer {
  if (method === 'GET' || method === 'HEAD') {
    if (path === '/healthz') return HEALTHY
    if (path === '/') return WHAT_THIS_IS
  }
  return UPGRADE_REQUIRED
}

export function badRequest(why: string): PlainAnswer {
  return { status: 400, body: `${why}\n` }
}
