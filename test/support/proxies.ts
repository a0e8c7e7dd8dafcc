/**
 * Real proxies before a gateway: nginx and HAProxy from the system's packages, on free ports of the loopback address.
 * NGINX and HAPROXY name other programs than those of the PATH.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../../src/doors/websocket/transport/port-check.js'
import { endsWithThisProcess, temporaryFolder } from './leftovers.js'
import type { Teardown } from './node.js'
import { until } from './redis.js'

const PAGE = new URL('../../../docs/proxies.md', import.meta.url)

/** What stands in docs/proxies.md for that proxy, for another port of the proxy and another gateway. */
export function documentedConfig(proxy: string, port: number, gatewayPort: number): string {
  const page = readFileSync(PAGE, 'utf8')
  const marker = `<!-- proxy: ${proxy} -->\n`
  const from = page.indexOf(marker)
  if (from < 0) throw new Error(`docs/proxies.md lacks ${marker}`)
  const [block] = page.slice(from + marker.length).split('\n\n')
  return block!
    .replaceAll(/^ {4}/gm, '')
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replace('bind :80', `bind 127.0.0.1:${port}`)
    .replace('127.0.0.1:10001', `127.0.0.1:${gatewayPort}`)
}

/** `http`: what stands in nginx's block of that name. Resolves with the port when it listens there. */
export async function startNginx(test: Teardown, http: (port: number) => string): Promise<number> {
  const port = await freePort('127.0.0.1')
  const folder = temporaryFolder('nginx')
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  )
  const config = [
    'daemon off; master_process off; error_log stderr error;',
    `pid ${folder}/pid;`,
    'events {}',
    `http { access_log off; ${paths.join(' ')}`,
    http(port),
    '}',
  ]
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, config.join('\n'))
  await launch(test, process.env.NGINX || 'nginx', ['-e', 'stderr', '-p', folder, '-c', file], port)
  return port
}

export async function startHaproxy(test: Teardown, config: (port: number) => string): Promise<number> {
  const port = await freePort('127.0.0.1')
  const file = join(temporaryFolder('haproxy'), 'haproxy.cfg')
  writeFileSync(file, `${config(port)}\n`)
  await launch(test, process.env.HAPROXY || 'haproxy', ['-db', '-q', '-f', file], port)
  return port
}

async function launch(test: Teardown, program: string, args: string[], port: number): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  endsWithThisProcess(child)
  test.teardown(() => end(child))
  let said = ''
  child.stderr.on('data', (text) => {
    said += text
  })
  const failed = Promise.race([
    once(child, 'error').then(([error]) => Promise.reject(error)),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${program} ended with ${code}: ${said}`))),
  ])
  await Promise.race([failed, until(`${program} listens on ${port}`, () => listens(port))])
  failed.catch(() => {})
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } finally {
    socket.destroy()
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
