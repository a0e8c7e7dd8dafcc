/** `--check`: are the settings good, and what would run with them? Starts nothing, writes nothing, asks no store. */
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Config, loadConfig, portsOf } from '../config/config.js'
import type { Env } from '../config/given-values.js'
import { loadTransport } from '../doors/websocket/transport/load-transport.js'
import { assertPortFree } from '../doors/websocket/transport/port-check.js'
import { BadSettingError } from '../errors/errors.js'
import { wordListOf } from '../node/files/message-checks.js'
import { tlsFilesOf } from '../node/files/tls.js'
import { checkTokenKeys } from '../node/files/token-keys.js'

/** The report, as lines for a person. Throws BAD_SETTING for what would keep the gateway from starting. */
export async function checkSettings(env: Env): Promise<string[]> {
  const notes: string[] = []
  const config = loadConfig(env, undefined, (note) => notes.push(note))
  // Development mode makes its secret when it starts.
  if (!(config.developmentMode && config.authAlgorithm === 'HS256')) await checkTokenKeys(config)
  const transport = loadTransport(config.transport)
  const tls = await tlsFilesOf(config)
  tls?.close()
  await wordListOf(config)
  const secure = tls === undefined ? '' : 's'
  if (!config.usesRedis) assertWritable(config.dataDir)
  const ioThreads = transport.sharesPort ? config.ioThreads : 1
  const busy = await busyPorts(config)
  return [
    'The settings are good.',
    `mode       ${config.developmentMode ? 'development: a random secret, loopback only' : 'production'}`,
    `store      ${storeOf(config)}`,
    `messages   ${messagesOf(config)}`,
    `transport  ${transport.name}`,
    `clients    ws${secure}://${authority(config.host, config.wsPort)}`,
    `REST       http${secure}://${authority(config.host, config.apiPort)}`,
    `health     http://${authority(config.healthHost, config.healthPort)}`,
    ...(tls === undefined ? [] : [`TLS        until ${new Date(tls.pair.endsMs).toISOString()}`]),
    `threads    ${ioThreads} io, ${config.shardThreads} shard, 1 sync, 1 api${config.servesMessages ? ', 1 writer, 1 reader' : ''}; ${config.presenceShards} shards`,
    `node ID    ${config.nodeId}`,
    ...(transport.warning === undefined ? [] : [`warning    ${transport.warning}`]),
    ...notes.map((note) => `note       ${note}`),
    ...busy.map((reason) => `warning    ${reason}; fine when that is the gateway that is to be replaced`),
  ]
}

function storeOf(config: Config): string {
  if (!config.usesRedis) return `embedded, in ${resolve(config.dataDir)}`
  if (config.redisClusterNodes.length > 0) return 'Redis Cluster'
  return config.redisSentinels.length > 0 ? 'Redis behind Sentinel' : 'Redis'
}

function messagesOf(config: Config): string {
  if (!config.servesMessages) return 'not served'
  return config.databaseUrl === ''
    ? `embedded, in ${resolve(config.dataDir)}`
    : 'the database of DATABASE_URL'
}

function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port === 0 ? '(any free port)' : port}`
}

async function busyPorts(config: Config): Promise<string[]> {
  const reasons: string[] = []
  for (const [setting, host, port] of portsOf(config)) {
    await assertPortFree(host, port, setting).catch((error: Error) => reasons.push(error.message))
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
