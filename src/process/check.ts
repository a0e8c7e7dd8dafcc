/** `--check`: are the settings good, and what would run with them? Starts nothing, writes nothing, asks no store. */
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Config } from '../config.js'
import { BadSettingError } from '../errors.js'
import { loadTransport } from '../gateway/transport/load-transport.js'
import { assertPortFree } from '../gateway/transport/port-check.js'
import { checkTokenKeys } from './token-keys.js'

/** The report, as lines for a person. Throws BAD_SETTING for what would keep the gateway from starting. */
export async function checkSettings(config: Config): Promise<string[]> {
  if (!config.developmentMode) await checkTokenKeys(config)
  const transport = loadTransport(config.transport)
  if (!config.usesRedis) assertWritable(config.dataDir)
  const ioThreads = transport.sharesPort ? config.ioThreads : 1
  const busy = await busyPorts(config)
  return [
    'The settings are good.',
    `mode       ${config.developmentMode ? 'development: a random secret, loopback only' : 'production'}`,
    `store      ${storeOf(config)}`,
    `transport  ${transport.name}`,
    `clients    ws://${authority(config.host, config.wsPort)}`,
    `REST       http://${authority(config.host, config.apiPort)}`,
    `threads    ${ioThreads} io, ${config.shardThreads} shard, 1 sync, 1 api; ${config.presenceShards} shards`,
    `node ID    ${config.nodeId}`,
    ...(transport.warning === undefined ? [] : [`warning    ${transport.warning}`]),
    ...busy.map((reason) => `warning    ${reason}; fine when that is the gateway that is to be replaced`),
  ]
}

function storeOf(config: Config): string {
  if (!config.usesRedis) return `embedded, in ${resolve(config.dataDir)}`
  return config.redisClusterNodes.length > 0 ? 'Redis Cluster' : 'Redis'
}

function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port === 0 ? '(any free port)' : port}`
}

async function busyPorts(config: Config): Promise<string[]> {
  const reasons: string[] = []
  for (const port of [config.wsPort, config.apiPort]) {
    await assertPortFree(config.host, port).catch((error: Error) => reasons.push(error.message))
  }
  return reasons
}

/** The folder itself, or the nearest one above it that exists: there it would be made. */
function assertWritable(dataDir: string): void {
  let folder = resolve(dataDir)
  while (!existsSync(folder)) folder = dirname(folder)
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new BadSettingError(
      `DATA_DIR cannot be ${dataDir} (${(error as Error).message}); expected a directory that may be written.`,
    )
  }
}
