/** What befalls a Redis that goes on answering: by form, with the reason that `/readyz` has to give meanwhile. */
import { rm } from 'node:fs/promises'
import { Keys } from '../../src/store/redis/keys.js'
import { aclRules } from '../../src/store/redis/server/rights.js'
import { type RedisServer, until } from '../support/redis.js'
import type { Place } from './places.js'

export interface ChaosFault {
  name: string
  begin(place: Place): Promise<unknown>
  end(place: Place): Promise<unknown>
  /** The part of `/readyz` that has to say so, and how. Absent = nobody may notice. */
  said?: { part: 'store' | 'channel'; reason: RegExp }
}

const config = (servers: RedisServer[], name: string, value: string) =>
  Promise.all(servers.map((server) => server.client().config('SET', name, value)))
const acl = (servers: RedisServer[], ...rules: string[]) =>
  Promise.all(servers.map((server) => server.client().call('ACL', 'SETUSER', 'porchlight', ...rules)))
const killListeners = (servers: RedisServer[]) =>
  Promise.all(servers.map((server) => server.client().call('CLIENT', 'KILL', 'TYPE', 'pubsub')))

/** The rights of the node's user again, as they were. */
function restored({ isCluster }: Place): string[] {
  return [
    'resetkeys',
    'resetchannels',
    ...aclRules({ keys: new Keys(), db: 0, isCluster, openimCompat: false }),
  ]
}

const NOREPLICAS: ChaosFault = {
  name: 'NOREPLICAS',
  begin: ({ masters }) => config(masters, 'min-replicas-to-write', '9'),
  end: ({ masters }) => config(masters, 'min-replicas-to-write', '0'),
  said: { part: 'store', reason: /NOREPLICAS/ },
}

const OOM: ChaosFault = {
  name: 'OOM',
  begin: ({ masters }) => config(masters, 'maxmemory', '1'),
  end: ({ masters }) => config(masters, 'maxmemory', '0'),
  said: { part: 'store', reason: /OOM/ },
}

const READONLY: ChaosFault = {
  name: 'READONLY',
  begin: ({ masters }) => masters[0]!.client().replicaof('127.0.0.1', 1),
  end: ({ masters }) => masters[0]!.client().replicaof('NO', 'ONE'),
  said: { part: 'store', reason: /READONLY/ },
}

const MISCONF: ChaosFault = {
  name: 'MISCONF',
  begin: async ({ masters }) => {
    for (const master of masters) await failToSave(master)
  },
  end: ({ masters }) => config(masters, 'stop-writes-on-bgsave-error', 'no'),
  said: { part: 'store', reason: /MISCONF/ },
}

const NO_SCRIPTS: ChaosFault = {
  name: 'ACL: no scripts',
  begin: ({ masters }) => acl(masters, '-evalsha', '-eval'),
  end: (place) => acl(place.masters, ...restored(place)),
  said: { part: 'store', reason: /NOPERM/ },
}

const NO_KEYS: ChaosFault = {
  name: 'ACL: no keys',
  begin: ({ masters }) => acl(masters, 'resetkeys'),
  end: (place) => acl(place.masters, ...restored(place)),
  said: { part: 'store', reason: /NOPERM|No permissions/ },
}

const NO_CHANNELS: ChaosFault = {
  name: 'ACL: no channels',
  begin: async ({ masters }) => {
    await acl(masters, 'resetchannels')
    await killListeners(masters)
  },
  end: (place) => acl(place.masters, ...restored(place)),
  said: { part: 'channel', reason: /NOPERM|channel/ },
}

const CHANNELS_CUT: ChaosFault = {
  name: 'channels cut',
  begin: ({ masters }) => killListeners(masters),
  end: async () => {},
}

const OTHER_SERVER: ChaosFault = {
  name: 'another, empty server behind the name',
  begin: async ({ wire, masters, spare }) => {
    wire!.targetPort = spare!.servedPort
    await masters[0]!.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await killListeners(masters)
  },
  end: async ({ wire, masters, spare }) => {
    wire!.targetPort = masters[0]!.servedPort
    await spare!.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await killListeners([spare!])
  },
}

const NO_SLOTS: ChaosFault = {
  name: 'slots missing',
  begin: ({ masters }) => masters[0]!.client().call('CLUSTER', 'DELSLOTSRANGE', 0, 1_000),
  end: ({ masters }) => masters[0]!.client().call('CLUSTER', 'ADDSLOTSRANGE', 0, 1_000),
}

/** A save into a folder that is gone fails, and with it every write from then on. */
async function failToSave(server: RedisServer): Promise<void> {
  const client = server.client()
  await client.config('SET', 'stop-writes-on-bgsave-error', 'yes')
  await client.config('SET', 'save', '3600 1')
  await rm(server.folder, { recursive: true, force: true })
  await until('a save has failed', async () => {
    await client.bgsave().catch(() => {})
    return /rdb_last_bgsave_status:err/.test(await client.info('persistence'))
  })
}

const EVERYWHERE = [NOREPLICAS, OOM, NO_SCRIPTS, NO_KEYS, NO_CHANNELS, CHANNELS_CUT]

export const FAULTS: Record<Place['form'], readonly ChaosFault[]> = {
  single: [READONLY, ...EVERYWHERE, OTHER_SERVER, MISCONF],
  cluster: [...EVERYWHERE, NO_SLOTS, MISCONF],
  sentinel: [...EVERYWHERE],
}
