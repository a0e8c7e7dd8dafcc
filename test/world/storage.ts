/** The storage threads of a node in a virtual world: the real actors, on the model of a database server. */
import assert from 'node:assert/strict'
import { messageReader } from '../../actors/storage/message-reader.js'
import { messageWriter } from '../../actors/storage/message-writer.js'
import type { SharedDatabaseClock } from '../../src/node/database-clock.js'
import { type Addresses, MESSAGE_READER, MESSAGE_WRITER } from '../../src/protocol/addresses.js'
import type { ActorSystem } from '../../src/runtime/index.js'
import type { Database } from '../../src/store/ports/database.js'
import { GuardedDatabase, type GuardOptions } from '../../src/store/sql/guarded-database.js'
import { WitnessedDatabase } from '../../src/store/sql/witnessed-database.js'
import { SETTINGS } from '../support/operation-settings.js'
import type { DistantDatabase } from './database-server.js'

/** One life of a storage thread. */
export interface StorageLife {
  database: DistantDatabase
  environment: Pick<ActorSystem['environment'], 'nowMs' | 'wake' | 'random'>
  addresses: Addresses
  clock: SharedDatabaseClock
}

/** `system`: only its way to start actors is needed. */
type Spawner = Pick<ActorSystem, 'spawn'>

const HEX = 16
const ID_PARTS = 4

export function spawnWriter(system: Spawner, life: StorageLife): void {
  const { deliveries, messageSync } = life.addresses
  const counts = {
    messagesSent: 0,
    messagesRefused: {},
    messagesRepeated: 0,
    commitsLost: { found: 0, repeated: 0, unknown: 0 },
    messagesExpired: 0,
    destructs: 0,
    committed: () => {},
    housekept: () => {},
  }
  system.spawn(
    messageWriter,
    {
      database: new WitnessedDatabase(
        guarded(life, (database) => life.clock.measure(database)),
        { newVersionId: () => assert.fail(), wentBack: () => assert.fail('the model never goes back') },
      ),
      deliveries,
      messageSync,
      marksCommits: true,
      retentionDays: 0,
      counts,
      ...operationArgs(life),
    },
    MESSAGE_WRITER,
  )
}

export function spawnReader(system: Spawner, life: StorageLife): void {
  const counts = { reads: 0, missedReads: 0 }
  const args = { database: guarded(life), checkpoint: () => {}, counts, ...operationArgs(life) }
  system.spawn(messageReader, args, MESSAGE_READER)
}

/** With the circuit breaker of a real node. */
function guarded(
  { database, environment, clock }: StorageLife,
  tend?: GuardOptions<Database>['tend'],
): GuardedDatabase {
  const guard = new GuardedDatabase<Database>(
    async () => database,
    () => {},
    { tend, clock: { nowMs: clock.nowMs, wake: environment.wake } },
  )
  void guard.start()
  return guard
}

function operationArgs({ clock, environment }: StorageLife) {
  return {
    settings: SETTINGS,
    wallMs: clock.nowMs,
    newId: () =>
      Array.from({ length: ID_PARTS }, () => environment.random().toString(HEX).slice(2, 10)).join(''),
  }
}
