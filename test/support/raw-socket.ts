/** A client at the level of bytes: it logs in, and then writes whatever a test wants the gateway to read at once. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { handshakeQuery } from '../../src/sdk/openim-handshake.js'
import type { TestNode } from './node.js'
import { handshakeText, rawSocket } from './raw-http.js'

/** Opcodes of RFC 6455. */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A frame of a client; the mask is zero, so that the payload can be read in a dump. */
export function frame(opcode: number, payload: Uint8Array = new Uint8Array(), isFinal = true): Buffer {
  const size = payload.length
  const head = [(isFinal ? 0x80 : 0) | opcode]
  if (size < 126) head.push(0x80 | size)
  else if (size < 65_536) head.push(0x80 | 126, size >> 8, size & 0xff)
  else head.push(0x80 | 127, 0, 0, 0, 0, size >>> 24, (size >> 16) & 0xff, (size >> 8) & 0xff, size & 0xff)
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), payload])
}

/** A close frame with its code. */
export function closeFrame(code: number): Buffer {
  return frame(Opcode.close, Buffer.from([code >> 8, code & 0xff]))
}

/** Open TCP and write a handshake with a good token; resolves when the gateway has accepted it. */
export async function rawLogin(node: TestNode, userId: UserId, platformId: PlatformId): Promise<Socket> {
  const token = await node.token(userId, platformId)
  const query = handshakeQuery({ url: '', token, userId, platformId, isMsgResp: true })
  const socket = rawSocket({ port: node.supervisor.wsPort })
  socket.write(handshakeText(`/?${query}`))
  let heard = ''
  while (!heard.includes('"errCode":0')) heard += String(await once(socket, 'data'))
  return socket
}
