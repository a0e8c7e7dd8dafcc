/**
 * The store on a real redis-server in the differential test.
 *
 * Redis has no virtual clock. The scripts read the time from a key in place of the command TIME; nothing else in them is
 * changed. Keys that Redis itself lets expire follow: when virtual time passes, the lives of all keys are shortened by
 * as much.
 */
import { Redis } from 'ioredis'
import { OPENIM_PLATFORMS } from '../../../src/openim/platforms.js'
import { tokenDigest } from '../../../src/rules/logins/token-digest.js'
import { PlatformTable } from '../../../src/rules/platforms.js'
import { plainKeys } from '../../../src/store/redis/keys.js'
import { startRedis } from '../../support/redis.js'
import { redisStore } from '../../support/store-backends.js'
import { callsOf, type RedisWorld, SLOTS, START_S } from './world.js'

const CLOCK = 'VIRTUAL-CLOCK'
const STATE_NUMBERS = { normal: '0', invalid: '1', kicked: '2', expired: '3', unknown: '-1' }
/** Lives of whole seconds, less ARGV[1] s. Real time has run since they were set: less than half a second of it is rounded
 * away, more makes a difference (see `Twins`). */
const PASS = `
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left_ms = redis.call('PTTL', key)
  if left_ms >= 0 then
    local left_s = math.floor(left_ms / 1000 + 0.5) - tonumber(ARGV[1])
    if left_s > 0 then
      redis.call('PEXPIRE', key, left_s * 1000)
    else
      redis.call('DEL', key)
    end
  end
end
redis.call('SET', KEYS[1], ARGV[2])`

export async function redisWorld(): Promise<RedisWorld> {
  const restoreClock = readClockFrom(CLOCK)
  const server = await startRedis()
  const admin = server.client()
  const platforms = new PlatformTable(OPENIM_PLATFORMS)
  let nowS = START_S
  const make = (slot: number) => redisStore({ ...server.access, ...SLOTS[slot]! })
  const stores = SLOTS.map((_, slot) => make(slot))
  const connected = new Set<number>()

  return {
    async reset() {
      nowS = START_S
      await admin.flushall()
      await admin.set(CLOCK, nowS)
    },
    async pass(seconds) {
      nowS += seconds
      await admin.eval(PASS, 1, CLOCK, seconds, nowS)
    },
    async open(slot, events) {
      connected.add(slot)
      return stores[slot]!.open(events)
    },
    async leave(slot) {
      await stores[slot]!.close(true)
      connected.delete(slot)
      stores[slot] = make(slot)
    },
    store: (slot) => callsOf(stores[slot]!),
    async union(userId) {
      const live = await admin.zrangebyscore(plainKeys.online(userId), `(${nowS}`, '+inf')
      return live.map(Number).sort((a, b) => a - b)
    },
    async settle() {
      const open = [...connected].map((slot) => stores[slot]!)
      // Behind what each has sent itself; then behind all of that on every channel.
      await Promise.all(open.map((store) => store.ping()))
      await Promise.all(open.map((store) => store.bus.probeChannel()))
    },
    async setToken(userId, platformId, token, state, ttlS) {
      const name = platforms.nameOf(platformId)!
      const key = plainKeys.tokens(userId, name)
      await admin.hset(key, token, STATE_NUMBERS[state])
      if ((await admin.expire(key, ttlS, 'NX')) === 0) await admin.expire(key, ttlS, 'GT')
      await admin.hdel(plainKeys.tokenSide(userId, name), `k:${tokenDigest(token)}`)
    },
    async stop() {
      restoreClock()
      await Promise.all([...connected].map((slot) => stores[slot]!.close(false)))
      await server.stop()
    },
  }
}

/** Scripts that are defined from now on take the time from a key, in s. Returns what undoes that. */
function readClockFrom(key: string): () => void {
  const define = Redis.prototype.defineCommand
  Redis.prototype.defineCommand = function (name, definition) {
    const lua = definition.lua.replaceAll("redis.call('TIME')", `{ redis.call('GET', '${key}'), '0' }`)
    if (/'TIME'/.test(lua)) throw new Error(`${name} asks for the time in a form that is not known here.`)
    return define.call(this, name, { ...definition, lua })
  }
  return () => {
    Redis.prototype.defineCommand = define
  }
}
