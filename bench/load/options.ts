/** The command line of the load generator, checked before anything is opened. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Target } from '../../src/sdk/light-socket.js'

export const HELP = `Put a running gateway under load: clients that log in, watch others, come and go.

  npm run load -- [options]

  --url URL          gateway, default ws://127.0.0.1:10001; several for a cluster: clients take them by turns
  --api URL          its REST, which gives the tokens, default http://127.0.0.1:10002
  --secret-file F    file with the gateway's secret; default: AUTH_SECRET of the environment, else what
                     development mode keeps in .porchlight/development-secret
  --tokens F         file of lines "userID platformID token", for a gateway whose secret you do not have

  --connections N    clients, each a user of their own, default 1000
  --watch K          users that each client watches, default 20
  --churn R          clients a second that leave and come back a second later, default 0: every other one logs out
                     (2003), which their watchers see, the others break off, which nobody sees within the grace
  --rate R           first logins a second, default 500
  --duration S       end after so many seconds from the first login on, default 60
  --processes P      processes of the generator, default 1
  --platforms LIST   platform IDs that clients have by turns, default 1,2,5
  --prefix TEXT      what user IDs begin with, default load-
  --seed N           which users are watched, and which clients leave when, default 1
  --json             the summary as JSON
  --help             this text

Ctrl-C ends it early, with the summary of what was until then. A gateway holds MAX_CONNECTIONS_PER_ADDRESS of one
address, 10000 by default, and a client may watch WATCHES_PER_CONNECTION_MAX users, 10000 by default.
`

/** What ends the generator with one line and exit code 1. */
export class LoadError extends Error {}

export interface LoadOptions {
  targets: Target[]
  api: string
  /** Of the gateway; never shown. Undefined = tokens come from a file. */
  secret: string | undefined
  tokensFile: string | undefined
  connections: number
  watch: number
  churnPerS: number
  loginsPerS: number
  durationS: number
  processes: number
  platforms: number[]
  prefix: string
  seed: number
  isJson: boolean
}

const CONNECTIONS_MAX = 1_000_000
const DAY_S = 86_400
/** Files that a process has open beside its sockets. */
const OTHER_FILES = 64

/** Undefined = only help was asked for. Throws LoadError. */
export function readOptions(args: string[], env: NodeJS.ProcessEnv): LoadOptions | undefined {
  const values = parse(args)
  if (values.help) return undefined
  const number = (name: NumberOption, max: number, min = 1) =>
    numberOf(`--${name}`, values[name] ?? DEFAULTS[name], min, max)
  const options: LoadOptions = {
    targets: (values.url ?? ['ws://127.0.0.1:10001']).map(targetOf),
    api: urlOf('--api', values.api ?? 'http://127.0.0.1:10002', ['http:', 'https:']).replace(/\/+$/, ''),
    secret: values.tokens === undefined ? readSecret(values['secret-file'], env) : undefined,
    tokensFile: values.tokens,
    connections: number('connections', CONNECTIONS_MAX),
    watch: number('watch', CONNECTIONS_MAX, 0),
    churnPerS: number('churn', CONNECTIONS_MAX, 0),
    loginsPerS: number('rate', CONNECTIONS_MAX),
    durationS: number('duration', DAY_S),
    processes: number('processes', 256),
    platforms: (values.platforms ?? '1,2,5').split(',').map((text) => numberOf('--platforms', text, 1, 1e9)),
    prefix: prefixOf(values.prefix ?? 'load-'),
    seed: number('seed', 2 ** 31, 0),
    isJson: values.json ?? false,
  }
  check(options)
  return options
}

type NumberOption = 'connections' | 'watch' | 'churn' | 'rate' | 'duration' | 'processes' | 'seed'
const DEFAULTS: Record<NumberOption, string> = {
  connections: '1000',
  watch: '20',
  churn: '0',
  rate: '500',
  duration: '60',
  processes: '1',
  seed: '1',
}

function parse(args: string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args,
      options: {
        url: { type: 'string', multiple: true },
        api: text,
        'secret-file': text,
        tokens: text,
        connections: text,
        watch: text,
        churn: text,
        rate: text,
        duration: text,
        processes: text,
        platforms: text,
        prefix: text,
        seed: text,
        json: flag,
        help: flag,
      },
    }).values
  } catch (error) {
    throw new LoadError(`${(error as Error).message.split('. ')[0]}; --help lists the options`)
  }
}

/** What would fail in the middle of the run. */
function check(options: LoadOptions): void {
  const { connections, watch, processes, loginsPerS, durationS, targets } = options
  if (processes > connections) throw new LoadError(`--processes ${processes}: more than --connections`)
  if (watch >= connections && watch > 0) {
    throw new LoadError(`--watch ${watch}: there are only ${connections - 1} others to watch`)
  }
  const loginsS = Math.ceil(connections / loginsPerS)
  if (loginsS >= durationS) {
    throw new LoadError(`--duration ${durationS}: the logins alone take ${loginsS} s at --rate ${loginsPerS}`)
  }
  const files = openFilesMax()
  const each = Math.ceil(connections / processes) + OTHER_FILES
  if (each > files) {
    const enough = Math.ceil(connections / (files - OTHER_FILES))
    throw new LoadError(
      `--connections ${connections}: a process may have ${files} open files and would need ${each}; ` +
        `--processes ${enough}, or a greater \`ulimit -n\``,
    )
  }
  const ports = localPorts() * targets.length
  if (connections > ports) {
    throw new LoadError(
      `--connections ${connections}: this machine has ${ports} ports for them (net.ipv4.ip_local_port_range); ` +
        'widen the range, name another --url of the same gateway, or use another machine for the rest',
    )
  }
}

/** Open files that a process may have; unlimited = Infinity. */
export function openFilesMax(): number {
  const said = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout?.trim()
  return /^\d+$/.test(said ?? '') ? Number(said) : Number.POSITIVE_INFINITY
}

/** Ports for connections to one address; Infinity where the system does not say. */
function localPorts(): number {
  try {
    const [first, last] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)
    return Number(last) - Number(first) + 1
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

function readSecret(file: string | undefined, env: NodeJS.ProcessEnv): string {
  if (file === undefined && env.AUTH_SECRET?.trim()) return env.AUTH_SECRET.trim()
  const path = file ?? `${env.DATA_DIR?.trim() || '.porchlight'}/development-secret`
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    throw new LoadError(
      `no secret (cannot read ${path}): set AUTH_SECRET, or name a file with --secret-file or --tokens`,
    )
  }
}

function targetOf(url: string): Target {
  const { protocol, hostname, port } = new URL(urlOf('--url', url, ['ws:', 'wss:']))
  const isSecure = protocol === 'wss:'
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (isSecure ? 443 : 80), isSecure }
}

function urlOf(option: string, value: string, protocols: string[]): string {
  if (!URL.canParse(value) || !protocols.includes(new URL(value).protocol)) {
    throw new LoadError(`${option} ${value}: expected a URL that begins with ${protocols.join(' or ')}`)
  }
  return value
}

function numberOf(option: string, value: string, min: number, max: number): number {
  const number = Number(value)
  if (value.trim() === '' || !Number.isInteger(number) || number < min || number > max) {
    throw new LoadError(`${option} ${value}: expected a whole number from ${min} to ${max}`)
  }
  return number
}

/** Letters that every gateway takes in a user ID, and a URL as they are. */
function prefixOf(text: string): string {
  if (/^[\w.-]{1,40}$/.test(text)) return text
  throw new LoadError(`--prefix ${text}: expected 1 to 40 letters, digits, '.', '_' or '-'`)
}
