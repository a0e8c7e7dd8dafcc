/** Attacks on the way in: connections, handshakes and logins. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack } from './attacks.js'
import { closed, type Raider } from './raider.js'

/** Sockets that one attacker holds at a time. */
const HELD = 200
/** Longer than the gateway waits for a handshake. */
const SLOW_S = 25

/** Hold so many TCP connections, each with these first bytes, and open another for each that is ended. */
function hold(portOf: (raider: Raider) => number, first: (raider: Raider) => string, more?: string) {
  return async (raider: Raider): Promise<void> => {
    const one = () =>
      raider.repeat(async () => {
        const socket = await raider.tcp(portOf(raider))
        if (socket === undefined) return
        const sinceMs = performance.now()
        socket.write(first(raider))
        socket.on('data', () => {})
        const gone = closed(socket)
        while (!socket.destroyed && !raider.isOver) {
          await Promise.race([gone, sleep(1_000, undefined, { ref: false })])
          if (more !== undefined && !socket.destroyed) socket.write(more)
        }
        if (!raider.isOver && performance.now() - sinceMs > 0) raider.tally.refused++
        socket.destroy()
      })
    await Promise.all(Array.from({ length: HELD }, one))
  }
}

/** One request after another on new connections. */
function knock(bytes: (raider: Raider) => string, pauseMs = 5) {
  return (raider: Raider): Promise<void> =>
    raider.repeat(async () => {
      const socket = await raider.tcp(raider.field.wsPort)
      if (socket === undefined) return
      socket.write(bytes(raider))
      const answer = await new Promise<string>((resolve) => {
        let heard = ''
        socket.on('data', (data: Buffer) => {
          heard += data.toString('latin1')
          if (heard.includes('"errCode":')) resolve(heard)
        })
        socket.once('close', () => resolve(heard))
        setTimeout(() => resolve(heard), 300)
      })
      socket.destroy()
      const isIn = answer.includes('"errCode":0')
      if (isIn) raider.tally.connected++
      else raider.tally.refused++
    }, pauseMs)
}

const wsPort = ({ field }: Raider): number => field.wsPort

export const handshakeAttacks: Attack[] = [
  { name: 'silent-sockets', turnS: SLOW_S, run: hold(wsPort, () => '') },
  { name: 'slow-handshakes', turnS: SLOW_S, run: hold(wsPort, () => 'GET /?sendID=', 'x') },
  {
    name: 'slow-headers',
    turnS: SLOW_S,
    run: hold(wsPort, () => 'GET / HTTP/1.1\r\nHost: a\r\n', 'X-A: b\r\n'),
  },
  { name: 'bad-tokens', run: knock((raider) => raider.handshake({ token: 'eyJhbGciOiJIUzI1NiJ9.e30.x' })) },
  {
    name: 'other-users-tokens',
    run: knock((raider) => raider.handshake({ userId: 'victim', token: raider.token() })),
  },
  {
    name: 'huge-headers',
    run: knock((raider) => raider.handshake().replace('Host:', `X-Long: ${'x'.repeat(100_000)}\r\nHost:`)),
  },
  {
    name: 'many-headers',
    run: knock((raider) => raider.handshake().replace('Host:', `${'X-A: b\r\n'.repeat(3_000)}Host:`)),
  },
  {
    name: 'smuggled-requests',
    run: knock(
      (raider) =>
        `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\n${raider.handshake()}`,
    ),
  },
  { name: 'login-storm', run: knock((raider) => raider.handshake(), 1) },
  {
    name: 'in-and-out',
    run: (raider) =>
      raider.repeat(async () => {
        const socket = await raider.login()
        socket?.socket.destroy()
      }, 1),
  },
  { name: 'pipelined-handshakes', run: knock((raider) => raider.handshake({ token: 'bad' }).repeat(60), 20) },
]
