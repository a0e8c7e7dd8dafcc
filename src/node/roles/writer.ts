/** The writer role: the actor that changes the database of messages. */
import { messageWriter, type WriterCounts } from '../../../actors/storage/message-writer.js'
import { Addresses, MESSAGE_WRITER } from '../../protocol/addresses.js'
import { openToWrite, operationArgs } from '../message-database.js'
import type { PrepareRole, RoleInstance, ThreadContext } from '../role.js'
import { reportTotals } from '../thread-meter.js'

export const prepare: PrepareRole = async () => open

function open({ system, settings, meter }: ThreadContext): RoleInstance {
  const database = openToWrite(settings.config)
  const { commitSeconds, commitMessages } = meter.metrics.all
  const counts: WriterCounts = {
    messagesSent: 0,
    messagesRefused: {},
    messagesRepeated: 0,
    committed: (seconds, messages) => {
      commitSeconds.observe(seconds)
      commitMessages.observe(messages)
    },
  }
  const addresses = new Addresses(settings.topology)
  const { deliveries } = addresses
  const messageSync = settings.config.usesRedis ? addresses.messageSync : undefined
  system.spawn(
    messageWriter,
    { database, deliveries, messageSync, ...operationArgs(settings.config), counts },
    MESSAGE_WRITER,
  )
  meter.metrics.onSnapshot((report) => {
    report.total('messagesSent', counts.messagesSent)
    report.total('messagesRepeated', counts.messagesRepeated)
    reportTotals(report, 'messagesRefused', 'code', counts.messagesRefused)
  })
  return {
    release: () => void database.close(),
    parts: () => [],
  }
}
