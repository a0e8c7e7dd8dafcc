/** The environment: `NAME=value` lines through all kinds of settings and the relations between them. */
import assert from 'node:assert/strict'
import { loadConfig } from '../../../src/config/config.js'
import { settings as rows } from '../../../src/config/settings.js'
import { type Run, refusing, type Target } from '../engine/target.js'

const MACHINE = { hostname: 'host', pid: 1, cores: 2 }

export const target: Target = {
  name: 'settings',
  what: 'an environment, a variable a line: a configuration, or BAD_SETTING',
  bytesMax: 16_384,
  steps: { base: 20_000, perByte: 40 },
  seeds: () =>
    [
      ...Object.values(rows).map(({ env, default: value = 'x' }) => `${env}=${value}`),
      'REDIS_URL=rediss://user:p%40ss@[::1]:6379/0\nAUTH_SECRET=0123456789abcdefx',
      'REDIS_CLUSTER_NODES=10.0.0.1:7000,[::1]:7001\nOPENIM_COMPAT=true',
      'ALLOWED_ORIGINS=https://a.example:443,*,app://x\nPLATFORMS=12:Vision:Headset,8:APad:Mobile',
      'HOST=0.0.0.0\nADMIN_USER_IDS=a,b\nAUTH_ALGORITHM=ES256\nAUTH_PUBLIC_KEYS=/k.pem',
    ].map((text) => Buffer.from(text)),
  open: (): Run => (input) => {
    const lines = Buffer.from(input).toString().split('\n')
    const env = Object.fromEntries(
      lines.map((line) => [line.slice(0, Math.max(0, line.indexOf('='))), line.slice(line.indexOf('=') + 1)]),
    )
    const config = refusing(['BAD_SETTING'], () => loadConfig(env, MACHINE))
    if (config !== undefined) assert.ok(Object.isFrozen(config))
  },
}
