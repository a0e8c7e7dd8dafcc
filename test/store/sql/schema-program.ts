/**
 * A program of one release in a process of its own, as far as its database is concerned: it migrates, then sends
 * messages until it is told to stop. It writes what it does to standard output, a line of JSON each.
 *
 *     node schema-program.js <address as JSON> <release> <ms of each slice> <lease, ms>
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { bucketOfConversation, bucketOfUser } from '../../../src/rules/messages/bucket.js'
import type { SendOutcome } from '../../../src/rules/messages/types.js'
import { outgoingOf } from '../../../src/services/messages/outgoing.js'
import { sendAll } from '../../../src/services/messages/send.js'
import type { Operation } from '../../../src/store/ports/database.js'
import { put, update } from '../../../src/store/ports/steps.js'
import { users } from '../../../src/store/schema/tables.js'
import { MysqlDatabase } from '../../../src/store/sql/mysql/mysql-database.js'
import { migrate } from '../../../src/store/sql/schema/migrate.js'
import { textMessage } from '../../messages/chat.js'
import { editedMessages, laterMigrations, upTo } from './schema-versions.js'

export type ProgramLine =
  | { migrates: string }
  | { refused: string }
  | { serves: true }
  | { sent: number; slowestMs: number; errors: string[] }

const [address, release, sliceMs, leaseMs] = process.argv.slice(2)
const say = (line: ProgramLine) => process.stdout.write(`${JSON.stringify(line)}\n`)
const database = await MysqlDatabase.open({
  address: JSON.parse(address!),
  writersMax: 2,
  readersMax: 2,
  statementMs: 5_000,
})
const REST = { nickname: '', faceUrl: '', ex: '', createdMs: 0, level: 0, recvOpt: 0 }
const BOB = { bucket: bucketOfUser('bob'), userId: 'bob', ...REST }
/** Nobody wakes who waits on it. */
const idle = new Int32Array(new SharedArrayBuffer(4))
const number = Number(release)
const sender = `r${release}${randomUUID().slice(0, 4)}`

let isStopped = false
process.stdin.on('data', () => {
  isStopped = true
})

try {
  await migrate({
    database,
    holder: sender,
    // The event loop stands still, and the slice keeps its locks.
    migrations: upTo(
      number,
      laterMigrations(() => Atomics.wait(idle, 0, 0, Number(sliceMs)), 5),
    ),
    tell: (line) => say({ migrates: line }),
    leaseMs: Number(leaseMs),
  })
  await database.write(() => put(users, [BOB]))
  say({ serves: true })
  await send()
} catch (error) {
  say({ refused: (error as Error).message })
}
process.exit(0)

async function send(): Promise<void> {
  const total = { sent: 0, slowestMs: 0, errors: [] as string[] }
  while (!isStopped) {
    const message = outgoingOf(textMessage(sender, 'bob', `${total.sent}`))
    const sinceMs = performance.now()
    try {
      const outcome = await database.write(() => sendOne(message))
      if (outcome.kind === 'sent') total.sent++
      else total.errors.push(outcome.detail)
    } catch (error) {
      total.errors.push((error as Error).message)
    }
    total.slowestMs = Math.max(total.slowestMs, performance.now() - sinceMs)
    await pause(2)
  }
  say(total)
}

/** A newer release writes its column as well. */
function* sendOne(message: ReturnType<typeof outgoingOf>): Operation<SendOutcome> {
  const { outcomes, deliveries } = yield* sendAll([{ message, operationId: 'test' }], Date.now())
  if (number === 1) return outcomes[0]!
  for (const { conversationId, seq } of deliveries) {
    yield* update(editedMessages, [
      { key: [bucketOfConversation(conversationId), conversationId, seq], set: { rev: 1 } },
    ])
  }
  return outcomes[0]!
}
