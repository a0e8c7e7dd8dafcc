/** Attacks on the REST port and on the port of health and metrics. */
import { Agent, request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { Attack } from './attacks.js'
import { count } from './field.js'
import { closed, type Raider } from './raider.js'

interface Call {
  path: string
  body?: Buffer | string
  headers?: Record<string, string>
  method?: string
}

/** One call; its outcome goes into the tally. */
function call(
  raider: Raider,
  port: number,
  agent: Agent,
  { path, body, headers, method }: Call,
): Promise<void> {
  return new Promise((resolve) => {
    const outgoing = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method: method ?? 'POST',
        localAddress: raider.address,
        agent,
        timeout: 5_000,
        headers: { operationID: '1', token: raider.token(), ...headers },
      },
      (incoming) => {
        let heard = ''
        incoming.on('data', (data: Buffer) => {
          if (heard.length < 1_000) heard += data.toString('latin1')
        })
        incoming.once('error', () => resolve())
        incoming.once('close', () => {
          raider.tally.answers++
          const code = /"errCode":(\d+)/.exec(heard)?.[1] ?? `http ${incoming.statusCode}`
          if (code !== '0' && code !== 'http 200') count(raider.tally.errors, code)
          resolve()
        })
      },
    )
    outgoing.once('timeout', () => outgoing.destroy())
    outgoing.once('error', () => {
      raider.tally.refused++
      resolve()
    })
    outgoing.end(body)
  })
}

/** So many callers, each one call after another. */
function calls(what: (raider: Raider, n: number) => Call, callers = 8) {
  return async (raider: Raider): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: callers })
    let n = 0
    const caller = () => raider.repeat(() => call(raider, raider.field.apiPort, agent, what(raider, n++)), 2)
    await Promise.all(Array.from({ length: callers }, caller))
    agent.destroy()
  }
}

/** Idle connections that are opened again as soon as they are ended. */
function idlers(portOf: (raider: Raider) => number, idle: number, first: string) {
  return async (raider: Raider): Promise<void> => {
    const one = () =>
      raider.repeat(async () => {
        const socket = await raider.tcp(portOf(raider))
        if (socket === undefined) return
        socket.on('data', () => {})
        socket.write(first)
        const isOver = new Promise<void>((resolve) => setTimeout(resolve, raider.leftMs))
        await Promise.race([closed(socket), isOver])
        if (!raider.isOver) raider.tally.refused++
        socket.destroy()
      }, 50)
    await Promise.all(Array.from({ length: idle }, one))
  }
}

const strangers = (n: number): string[] => Array.from({ length: 1_000 }, (_, at) => `stranger-${n}-${at}`)
const GET = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'
const apiPort = ({ field }: Raider): number => field.apiPort
const healthPort = ({ field }: Raider): number => field.healthPort

export const restAttacks: Attack[] = [
  { name: 'idle-api', run: idlers(apiPort, 1_030, GET) },
  { name: 'silent-api', run: idlers(apiPort, 500, '') },
  {
    name: 'slow-body',
    run: idlers(apiPort, 200, 'POST /auth/parse_token HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n{'),
  },
  { name: 'idle-health', run: idlers(healthPort, 500, GET) },
  {
    name: 'wrong-secrets',
    run: calls((_raider, n) => ({
      path: '/auth/get_admin_token',
      body: JSON.stringify({ secret: `a wrong secret ${n}`, userID: 'imAdmin' }),
    })),
  },
  {
    name: 'strangers',
    run: calls((_raider, n) => ({
      path: '/user/get_users_status',
      body: JSON.stringify({ userIDs: strangers(n) }),
    })),
  },
  {
    name: 'kicks-without-rights',
    run: calls(() => ({ path: '/connection/kick', body: JSON.stringify({ userID: 'victim' }) })),
  },
  { name: 'deep-bodies', run: calls(() => ({ path: '/auth/parse_token', body: '['.repeat(100_000) })) },
  {
    name: 'zipped-bodies',
    run: calls(() => ({
      path: '/auth/parse_token',
      body: gzipSync(Buffer.alloc(50_000_000, 32)),
      headers: { 'content-encoding': 'gzip' },
    })),
  },
  {
    name: 'long-bodies',
    run: calls(() => ({ path: '/user/get_users_status', body: Buffer.alloc(4_000_000, 32) })),
  },
  { name: 'unknown-paths', run: calls((_raider, n) => ({ path: `/no/such/path/${n}`, body: '{}' })) },
  {
    name: 'long-paths',
    run: calls((_raider, n) => ({ path: `/${'x'.repeat(8_000)}${n}`, method: 'GET' })),
  },
]
