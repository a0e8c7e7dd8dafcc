/** The writer role: the actor that changes the database of messages. */
import { messageWriter, type WriterCounts } from '../../../actors/storage/message-writer.js'
import { pick } from '../../config/pick.js'
import { Addresses, MESSAGE_WRITER } from '../../protocol/addresses.js'
import { newVersionId } from '../../services/people/version-log.js'
import type { SchemaDatabase } from '../../store/ports/schema.js'
import type { GuardedDatabase } from '../../store/sql/guarded-database.js'
import { WitnessedDatabase } from '../../store/sql/witnessed-database.js'
import { SharedDatabaseClock } from '../database-clock.js'
import { databasePart, openToWrite, operationArgs } from '../message-database.js'
import type { PrepareRole, RoleInstance, ThreadContext } from '../role.js'
import { threadLog } from '../settings.js'
import { reportTotals } from '../thread-meter.js'

const WENT_BACK =
  'the database went back: numbers go on from those that this node knows; stop all nodes and run porchlight restored'
const WENT_BACK_EACH_MS = 60_000

export const prepare: PrepareRole = async (task) => {
  const { config, databaseClock } = task.settings
  const clock = new SharedDatabaseClock(databaseClock)
  // Nothing is written before the thread has its actors.
  const log: DatabaseLog = { onGrown: () => {} }
  const database = await openToWrite(config, threadLog(task), clock, () => log.onGrown())
  return (thread) => open(thread, { database, clock, log })
}

/** What happens when the log of the embedded database has grown. */
interface DatabaseLog {
  onGrown(): void
}

interface Prepared {
  database: GuardedDatabase<SchemaDatabase>
  clock: SharedDatabaseClock
  log: DatabaseLog
}

function open({ system, settings, meter }: ThreadContext, { database, clock, log }: Prepared): RoleInstance {
  const { commitSeconds, commitMessages, housekeepingSeconds } = meter.metrics.all
  const counts: WriterCounts = {
    messagesSent: 0,
    messagesRefused: {},
    messagesRepeated: 0,
    commitsLost: { found: 0, repeated: 0, unknown: 0 },
    messagesExpired: 0,
    destructs: 0,
    committed: (seconds, messages) => {
      commitSeconds.observe(seconds)
      commitMessages.observe(messages)
    },
    housekept: (seconds) => housekeepingSeconds.observe(seconds),
  }
  const addresses = new Addresses(settings.topology)
  const { deliveries, storage } = addresses
  log.onGrown = () => system.tell(storage!.reader, { kind: 'logGrown' })
  const back = { rows: 0, toldMs: Number.NEGATIVE_INFINITY }
  const wentBack = (rows: number) => {
    back.rows += rows
    if (performance.now() - back.toldMs < WENT_BACK_EACH_MS) return
    back.toldMs = performance.now()
    system.log.error({ rows: back.rows }, WENT_BACK)
  }
  const messageSync = settings.config.usesRedis ? addresses.messageSync : undefined
  system.spawn(
    messageWriter,
    {
      database: new WitnessedDatabase(database, { newVersionId, wentBack }),
      deliveries,
      messageSync,
      marksCommits: settings.config.databaseUrl !== '',
      ...operationArgs(settings.config, clock),
      ...pick(settings.config, 'retentionDays'),
      counts,
    },
    MESSAGE_WRITER,
  )
  meter.metrics.onSnapshot((report) => {
    report.total('messagesSent', counts.messagesSent)
    report.total('messagesRepeated', counts.messagesRepeated)
    report.total('messagesExpired', counts.messagesExpired)
    report.total('destructs', counts.destructs)
    report.total('rowsWentBack', back.rows)
    const { reading } = clock
    if (reading !== undefined) {
      report.level('databaseClockOffset', (clock.nowMs() - Date.now()) / 1_000)
      report.level('databaseClockError', reading.errorMs / 1_000)
    }
    reportTotals(report, 'commitsLost', 'outcome', counts.commitsLost)
    reportTotals(report, 'messagesRefused', 'code', counts.messagesRefused)
  })
  return {
    stop: () => database.close(),
    parts: () => [databasePart('database', database)],
  }
}
