/** ejabberd of the system's package: presence between rosters, tokens checked by its own JWT method, all in memory. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../src/doors/websocket/transport/port-check.js'
import { inParallel } from '../../../test/support/in-parallel.js'
import type { Scope } from '../../support/scope.js'
import { DOMAIN } from '../clients/xmpp.js'
import { programPath } from '../installed.js'
import type { Peer, Person, RunningPeer } from '../peer.js'
import { folderOf, startProgram } from './program.js'
import { PEER_SECRET, signTokens } from './tokens.js'

const PACKAGE = 'the Debian package ejabberd (apt-get install ejabberd)'
const CALLS_IN_FLIGHT = 16
/** As ejabberdctl starts it, but that idle schedulers sleep at once: a busy wait would look like work. */
const ERLANG_OPTIONS = '-noinput +K true +P 250000 +sbwt none +sbwtdcpu none +sbwtdio none'.split(' ')

export const ejabberd: Peer = {
  key: 'ejabberd',
  name: 'ejabberd',
  dialect: 'xmpp',
  nodesMax: 1,
  isToBeLed: true,
  missing: () => (programPath('erl') && programPath('ejabberdctl') ? undefined : PACKAGE),
  version: () => {
    const names = readdirSync(erlangLibraries())
    return names.find((name) => /^ejabberd-[\d.]+$/.test(name))?.split('-')[1] ?? 'unknown'
  },
  start,
}

/** Without its control script, which would have it run as another user, and start a daemon that stays. */
async function start(scope: Scope): Promise<RunningPeer> {
  const folder = folderOf(scope, 'ejabberd')
  const port = await freePort('127.0.0.1')
  const program = await startProgram(
    scope,
    programPath('erl')!,
    [...ERLANG_OPTIONS, '-mnesia', 'dir', `"${join(folder, 'spool')}"`, '-s', 'ejabberd'],
    {
      port,
      env: {
        HOME: folder,
        ERL_LIBS: erlangLibraries(),
        ERL_CRASH_DUMP_BYTES: '0',
        EJABBERD_CONFIG_PATH: writeConfig(folder, port),
        EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'),
      },
    },
  )
  return {
    ports: [port],
    pids: [program.pid],
    async enroll(people) {
      await inParallel(people.flatMap(rosterItemsOf), CALLS_IN_FLIGHT, (item) => addRosterItem(port, item))
      const tokens = await signTokens(people.map(({ userId }) => `${userId}@${DOMAIN}`))
      return people.map((person, n) => ({ ...person, secret: tokens[n]! }))
    },
  }
}

/** Where the package has put its modules; its control script knows. */
function erlangLibraries(): string {
  const script = readFileSync(programPath('ejabberdctl')!, 'utf8')
  return /^ERL_LIBS='?([^'\n]+)'?$/m.exec(script)?.[1] ?? ''
}

function writeConfig(folder: string, port: number): string {
  const [config, key] = [join(folder, 'ejabberd.yml'), join(folder, 'key.json')]
  mkdirSync(join(folder, 'spool'))
  writeFileSync(key, JSON.stringify({ kty: 'oct', k: Buffer.from(PEER_SECRET).toString('base64url') }))
  writeFileSync(
    config,
    `
loglevel: warning
hosts: [${DOMAIN}]
listen:
  - port: ${port}
    ip: "127.0.0.1"
    module: ejabberd_http
    # Its default of 5 would have clients that come together wait for seconds.
    backlog: 1024
    request_handlers:
      /ws: ejabberd_http_ws
      /api: mod_http_api
auth_method: [jwt]
jwt_key: ${key}
jwt_jid_field: sub
# Its default of 1000 entries would not hold one roster item for each user.
cache_size: 1000000
# No limit: nobody is to be slowed down.
shaper_rules:
  c2s_shaper: none
api_permissions:
  bench:
    who: all
    what: "*"
modules:
  mod_roster: {}
  mod_http_api: {}
  mod_admin_extra: {}
`,
  )
  return config
}

interface RosterItem {
  owner: string
  contact: string
  /** `to`: the owner sees the contact; `from`: the contact sees the owner. */
  subscription: 'to' | 'from'
}

function rosterItemsOf({ userId, watches }: Person): RosterItem[] {
  return watches.flatMap((watched): RosterItem[] => [
    { owner: userId, contact: watched, subscription: 'to' },
    { owner: watched, contact: userId, subscription: 'from' },
  ])
}

async function addRosterItem(port: number, { owner, contact, subscription }: RosterItem): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/api/add_rosteritem`, {
    method: 'POST',
    body: JSON.stringify({
      localuser: owner,
      localhost: DOMAIN,
      user: contact,
      host: DOMAIN,
      nick: contact,
      group: 'bench',
      subs: subscription,
    }),
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`ejabberd does not take a roster item: ${answer}`)
}
