/** Requests written by hand, byte by byte, and all that comes back. */
import { connect, type Socket } from 'node:net'

/** The head of a good handshake; `extra`: further header lines. */
export function handshakeText(path = '/', ...extra: string[]): string {
  const lines = [`GET ${path} HTTP/1.1`, 'Host: im.example.com', 'Upgrade: websocket', 'Connection: Upgrade']
  lines.push('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', ...extra)
  return `${lines.join('\r\n')}\r\n\r\n`
}

export interface RawOptions {
  port: number
  /** The client's own address, any of the loopback network. */
  localAddress?: string
}

/** Write the parts, each in a packet of its own, and collect what comes until the other end closes. */
export async function rawAnswers(
  { port, localAddress }: RawOptions,
  ...parts: (string | Buffer)[]
): Promise<string> {
  const socket = rawSocket({ port, ...(localAddress !== undefined && { localAddress }) })
  let answers = ''
  socket.on('data', (data) => {
    answers += data.toString('latin1')
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  for (const part of parts) {
    if (socket.writable) await new Promise<void>((resolve) => socket.write(part, () => setImmediate(resolve)))
  }
  await closed
  return answers
}

export function rawSocket({ port, localAddress }: RawOptions): Socket {
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    ...(localAddress !== undefined && { localAddress }),
  })
  socket.on('error', () => {})
  return socket
}

export function statusesOf(answers: string): number[] {
  return [...answers.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
}
