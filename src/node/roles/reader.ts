/** The reader role: the actor that answers what only reads the database of messages. */
import { messageReader, type ReaderCounts } from '../../../actors/storage/message-reader.js'
import { MESSAGE_READER } from '../../protocol/addresses.js'
import type { SchemaDatabase } from '../../store/ports/schema.js'
import type { GuardedDatabase } from '../../store/sql/guarded-database.js'
import { SharedDatabaseClock } from '../database-clock.js'
import { checkpointsOf, databasePart, openToRead, operationArgs } from '../message-database.js'
import type { PrepareRole, RoleInstance, ThreadContext } from '../role.js'
import { threadLog } from '../settings.js'

export const prepare: PrepareRole = async (task) => {
  const database = await openToRead(task.settings.config, threadLog(task))
  return (thread) => open(thread, database)
}

function open(
  { system, settings, log, meter }: ThreadContext,
  database: GuardedDatabase<SchemaDatabase>,
): RoleInstance {
  const clock = new SharedDatabaseClock(settings.databaseClock)
  const counts: ReaderCounts = { reads: 0, missedReads: 0 }
  const checkpoints = checkpointsOf(settings.config, log)
  const checkpoint = () => checkpoints.run()
  system.spawn(
    messageReader,
    { database, checkpoint, ...operationArgs(settings.config, clock), counts },
    MESSAGE_READER,
  )
  meter.metrics.onSnapshot((report) => {
    report.total('messageReads', counts.reads)
    report.total('messagesMissed', counts.missedReads)
  })
  return {
    stop: async () => {
      checkpoints.close()
      await database.close()
    },
    parts: () => [databasePart('database-reads', database)],
  }
}
