/** What the tests of conflicting logins share. */
import type { Cluster, Redis } from 'ioredis'
import type { Test } from 'tap'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { Device } from '../support/device.js'
import { TestNode } from '../support/node.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { recordedState, recordToken } from '../support/tokens.js'

/** States of a token in Redis. */
export const GOOD = '0'
export const KICKED = '2'

/** Replays the choices of a run, if set; the machine's own timing stays what it is. */
export const seed = Number(process.env.RACE_SEED ?? Date.now() % 1_000_000)

/** A Redis for this test, and a client of it. */
export async function startStore(
  t: Test,
  extra: string[] = [],
): Promise<{ server: RedisServer; url: string; redis: Redis }> {
  const server = await startRedis(extra)
  t.teardown(() => server.stop())
  return { server, url: server.url, redis: server.client() }
}

export async function startNodes(t: Test, count: number, env: Record<string, string>): Promise<TestNode[]> {
  const nodes: TestNode[] = []
  // One by one: each has a thread of every kind to start, and they would keep each other waiting.
  for (let n = 0; n < count; n++) nodes.push(await TestNode.start(t, env))
  return nodes
}

/** With a token of its own, good and on record. */
export async function newDevice(
  redis: Redis | Cluster,
  userId: UserId,
  platformId: PlatformId,
): Promise<Device> {
  return new Device(userId, platformId, await recordToken(redis, userId, platformId))
}

/** The one of them that is in; undefined while there is none, or several. */
export function onlyOneIn(devices: readonly Device[]): Device | undefined {
  const inside = devices.filter(({ isIn }) => isIn)
  return inside.length === 1 ? inside[0] : undefined
}

/** What Redis says of these devices' tokens, in order. */
export function statesOf(redis: Redis | Cluster, devices: readonly Device[]): Promise<(string | null)[]> {
  return Promise.all(devices.map((device) => recordedState(redis, device)))
}

/** How many connections each node lists of the user: it asks all others. */
export async function allNodesList(nodes: readonly TestNode[], userId: UserId): Promise<number[]> {
  return Promise.all(nodes.map(async ({ admin }) => (await admin.connections(userId)).length))
}

/** For a failure: what became of each device. */
export async function describe(redis: Redis | Cluster, devices: readonly Device[]): Promise<string> {
  const states = await statesOf(redis, devices)
  const parts = devices.map(
    ({ userId, isIn, kicks, refusals }, n) =>
      `${userId} ${isIn ? 'in' : 'out'} token ${states[n]} kicks ${kicks} refused [${refusals.join()}]`,
  )
  return `seed ${seed}: ${parts.join(' | ')}`
}
