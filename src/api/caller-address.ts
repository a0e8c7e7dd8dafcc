/** Whose call it is, for limits and the audit trail. */
import type { IncomingMessage } from 'node:http'

export function callerAddress({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? ''
}
