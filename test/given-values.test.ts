import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../src/config/config.js'
import { BadSettingError } from '../src/errors/errors.js'

type Env = Record<string, string | undefined>

const SECRET = 'Gq4zW9mT1xJ7vB2nK5pL'
const machine = { hostname: 'host-1', pid: 42, cores: 2 }

function load(env: Env) {
  const ignored: string[] = []
  const config = loadConfig(env, machine, (note) => ignored.push(note))
  return { config, ignored }
}

function faultOf(env: Env): string {
  try {
    load(env)
  } catch (error) {
    if (error instanceof BadSettingError) return error.message
    throw error
  }
  return ''
}

const folder = mkdtempSync(join(tmpdir(), 'porchlight-secrets-'))
function file(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

t.test('a name with the prefix says the same as without, and wins', async (t) => {
  t.equal(load({ PORCHLIGHT_WS_PORT: '7001' }).config.wsPort, 7001)
  t.equal(load({ PORCHLIGHT_WS_PORT: '7001', WS_PORT: '8001' }).config.wsPort, 7001)
  t.equal(
    load({ PORCHLIGHT_WS_PORT: ' ', WS_PORT: '8001' }).config.wsPort,
    8001,
    'an empty one counts as unset',
  )
  t.equal(load({ PORCHLIGHT_HOST: '127.0.0.2', HOST: 'not_a_host' }).config.host, '127.0.0.2')
  t.equal(load({ PORCHLIGHT_AUTH_SECRET: SECRET }).config.authSecret, SECRET)
  t.match(
    faultOf({ PORCHLIGHT_WS_PORT: 'x' }),
    /^PORCHLIGHT_WS_PORT is "x"; expected/,
    'it is named as it was set',
  )
})

t.test('the addresses of Kubernetes Services and linked containers are no ports of ours', async (t) => {
  const link = 'tcp://10.96.12.7:80'
  const cases: [Env, keyof typeof defaults][] = [
    [{ API_PORT: link, API_SERVICE_HOST: '10.96.12.7' }, 'apiPort'],
    [{ WS_PORT: link, WS_SERVICE_HOST: '10.96.12.7' }, 'wsPort'],
    [{ WS_PORT: 'udp://10.96.12.7:80', WS_SERVICE_HOST: '10.96.12.7' }, 'wsPort'],
    [{ PORCHLIGHT_API_PORT: link, PORCHLIGHT_API_SERVICE_HOST: '10.96.12.7' }, 'apiPort'],
    [{ API_PORT: link, API_PORT_80_TCP: link, API_PORT_80_TCP_ADDR: '10.96.12.7' }, 'apiPort'],
  ]
  const defaults = { apiPort: 10_002, wsPort: 10_001 }
  for (const [env, name] of cases) {
    const { config, ignored } = load(env)
    t.equal(config[name], defaults[name], JSON.stringify(env))
    t.equal(ignored.length, 1)
    t.match(ignored[0], new RegExp(`^${Object.keys(env)[0]} is ignored`))
  }
  t.equal(load({ API_PORT: '7002', API_SERVICE_HOST: '10.96.12.7' }).config.apiPort, 7002, 'a number is ours')
  t.equal(
    load({ PORCHLIGHT_API_PORT: link, PORCHLIGHT_API_SERVICE_HOST: 'x', API_PORT: '7002' }).config.apiPort,
    7002,
    'the other name serves then',
  )
  t.match(faultOf({ API_PORT: link }), /^API_PORT is "tcp:/, 'without a Service it is a mistake')
  t.match(faultOf({ HOST: link, API_SERVICE_HOST: 'x' }), /^HOST is "tcp:/)
})

t.test("conda's and tcsh's HOST are no address of ours", async (t) => {
  const conda = load({ HOST: 'x86_64-conda-linux-gnu', CONDA_PREFIX: '/opt/conda' })
  t.equal(conda.config.host, '127.0.0.1')
  t.match(conda.ignored, [/^HOST is ignored: .*conda.*PORCHLIGHT_HOST/])
  const tcsh = load({ HOST: 'host-1', HOSTTYPE: 'x86_64-linux', VENDOR: 'unknown', OSTYPE: 'linux' })
  t.equal(tcsh.config.host, '127.0.0.1')
  t.ok(tcsh.config.developmentMode)
  t.match(tcsh.ignored, [/^HOST is ignored: .*machine/])
  const meant = load({ HOST: 'host-1', AUTH_SECRET: SECRET })
  t.equal(meant.config.host, 'host-1', 'without such a shell it is meant')
  t.same(meant.ignored, [])
  t.match(faultOf({ HOST: 'x86_64-conda-linux-gnu' }), /^HOST is/)
})

t.test('a secret may be in a file; one newline at its end does not count', async (t) => {
  for (const [content, value] of [
    [SECRET, SECRET],
    [`${SECRET}\n`, SECRET],
    [`${SECRET}\r\n`, SECRET],
    [`a ${SECRET} `, `a ${SECRET} `],
  ] as const) {
    const path = file('secret', content)
    t.equal(load({ AUTH_SECRET_FILE: path }).config.authSecret, value, JSON.stringify(content))
    t.equal(load({ PORCHLIGHT_AUTH_SECRET_FILE: ` ${path} ` }).config.authSecret, value)
  }
  const url = file('url', 'redis://:hush@10.0.0.5\n')
  t.equal(load({ REDIS_URL_FILE: url, AUTH_SECRET: SECRET }).config.redisUrl, 'redis://:hush@10.0.0.5')
})

t.test('a bad secret file is refused with its reason, and its content is not repeated', async (t) => {
  const cases: [string, RegExp][] = [
    [join(folder, 'nowhere'), /does not exist/],
    [folder, /directory/],
    [file('empty', ''), /empty/],
    [file('newline', '\n'), /empty/],
    [file('lines', `${SECRET}\n${SECRET}\n`), /more than one line/],
    [file('long', 'x'.repeat(70_000)), /longer than 65536/],
    [file('short', 'hush\n'), /AUTH_SECRET_FILE is refused \(shorter than 16 bytes\)/],
  ]
  for (const [path, expected] of cases) {
    const fault = faultOf({ AUTH_SECRET_FILE: path })
    t.match(fault, /^AUTH_SECRET_FILE .*; expected .+\.$/)
    t.match(fault, expected)
    t.notMatch(fault, /hush|Gq4z/)
  }
  if (process.getuid?.() !== 0) {
    const path = file('locked', SECRET)
    chmodSync(path, 0)
    t.match(faultOf({ AUTH_SECRET_FILE: path }), /cannot be read \(EACCES\)/)
  }
})

t.test('a secret and its file together are refused, whatever prefix they have', async (t) => {
  const path = file('both', SECRET)
  t.match(
    faultOf({ AUTH_SECRET: SECRET, AUTH_SECRET_FILE: path }),
    /AUTH_SECRET and AUTH_SECRET_FILE are both set/,
  )
  t.match(
    faultOf({ PORCHLIGHT_AUTH_SECRET: SECRET, AUTH_SECRET_FILE: path }),
    /PORCHLIGHT_AUTH_SECRET and AUTH_SECRET_FILE are both set/,
  )
  t.equal(load({ AUTH_SECRET: SECRET, AUTH_SECRET_FILE: ' ' }).config.authSecret, SECRET)
})

t.test('what is no secret is read from no file', async (t) => {
  t.equal(load({ WS_PORT_FILE: file('port', '7001') }).config.wsPort, 10_001)
})
