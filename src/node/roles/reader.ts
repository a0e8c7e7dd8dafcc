/** The reader role: the actor that answers what only reads the database of messages. */
import { setTimeout as pause } from 'node:timers/promises'
import { messageReader, type ReaderCounts } from '../../../actors/storage/message-reader.js'
import type { Config } from '../../config/config.js'
import { hasCode } from '../../errors/errors.js'
import { MESSAGE_READER } from '../../protocol/addresses.js'
import type { SqliteDatabase } from '../../store/sql/sqlite/sqlite-database.js'
import { openToRead, operationArgs } from '../message-database.js'
import type { PrepareRole, RoleInstance, ThreadContext } from '../role.js'

/** The writer makes the file when it starts, at the same time. */
const OPEN_WAIT_MS = 5_000
const OPEN_LOOK_MS = 20

export const prepare: PrepareRole = async ({ settings }) => {
  const database = await openWhenMade(settings.config)
  return (thread) => open(thread, database)
}

function open({ system, settings, meter }: ThreadContext, database: SqliteDatabase): RoleInstance {
  const counts: ReaderCounts = { reads: 0, missedReads: 0 }
  system.spawn(messageReader, { database, ...operationArgs(settings.config), counts }, MESSAGE_READER)
  meter.metrics.onSnapshot((report) => {
    report.total('messageReads', counts.reads)
    report.total('messagesMissed', counts.missedReads)
  })
  return {
    release: () => void database.close(),
    parts: () => [],
  }
}

async function openWhenMade(config: Config): Promise<SqliteDatabase> {
  const deadlineMs = Date.now() + OPEN_WAIT_MS
  for (;;) {
    try {
      return openToRead(config)
    } catch (error) {
      if (!hasCode(error, 'DATABASE_UNAVAILABLE') || Date.now() > deadlineMs) throw error
      await pause(OPEN_LOOK_MS)
    }
  }
}
