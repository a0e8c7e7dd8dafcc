/** Ways to break messages by a line, and the faults under which the simulation must notice each. */
import type { Mutation } from '../mutations.js'
import type { MessageFaultName } from './faults.js'

export interface MessageMutation extends Mutation {
  /** Empty = resends, moves and several nodes are enough. */
  faults: MessageFaultName[]
}

export const MESSAGE_MUTATIONS: MessageMutation[] = [
  {
    name: 'messages: first reads do not wait until the login is recorded',
    faults: ['slowAssert'],
    file: 'actors/io/connection/messages.ts',
    find: 'if (mayRead(state) || state.reading?.earlyMs !== undefined) return read(ctx, state, request)',
    replace: 'return read(ctx, state, request)',
  },
  {
    name: 'messages: who has read before the login was recorded is not sent away',
    faults: ['slowAssert'],
    file: 'actors/io/connection/messages.ts',
    find: "if (state.reading?.earlyMs !== undefined) return ctx.signal(ctx.self, { kind: 'dismiss' })",
    replace: '',
  },
  {
    name: 'messages: what comes late is taken for read by whoever logged in after it was sent',
    faults: ['commitLate'],
    file: 'src/rules/messages/late.ts',
    find: 'return sentMs < recordedMs - COMMIT_MS || seq <= (told?.get(conversationId) ?? 0)',
    replace: 'return true',
  },
  {
    name: 'messages: what comes late goes to those who have read it too',
    faults: ['ioDeath', 'reorder'],
    file: 'actors/io/connection/messages.ts',
    find: 'if (late !== undefined && hasRead(late, readableSince(state), state.reading?.told)) return',
    replace: '',
  },
  {
    name: 'messages: where a user was found is remembered',
    faults: [],
    file: 'actors/sync/message-sync.ts',
    find: 'found: userIds.length === 0 ? [] : await presence.read(userIds),',
    replace: `found: await (async () => {
      const found = (state.found ??= new Map())
      for (const one of await presence.read(userIds.filter((id) => !found.has(id)))) found.set(one.userId, one)
      return userIds.flatMap((id) => found.get(id) ?? [])
    })(),`,
  },
  {
    name: 'messages: a lower number is passed on',
    faults: ['duplicate'],
    file: 'src/rules/messages/cursors.ts',
    find: 'if (seq <= conversation.last) return []',
    replace: 'if (seq <= conversation.last) return [{ delivery, isLate: false }]',
  },
  {
    name: 'messages: a gap is skipped',
    faults: ['reorder', 'dropMessage'],
    file: 'src/rules/messages/cursors.ts',
    find: 'if (seq === conversation.last + 1) {',
    replace: 'if (seq > conversation.last) {',
  },
  {
    name: 'messages: the first message that a thread hears of has overtaken none',
    faults: ['dieAfterCommit', 'commitAnswerLost'],
    file: 'src/rules/messages/cursors.ts',
    find: 'return mayHaveOvertaken ? Math.max(0, seq - 1 - LOOK_BACK) : seq - 1',
    replace: 'return seq - 1',
  },
  {
    name: 'messages: a gap that is found while another is read is not looked at',
    faults: [],
    file: 'actors/io/deliveries.ts',
    find: 'if (state.isLooking) return',
    replace: 'if (state.gaps.size > 1) return',
  },
  {
    name: 'messages: a sender gets their message in the turn of the answer',
    faults: [],
    file: 'actors/io/deliveries.ts',
    find: 'if (userId === delivery.senderId || state.waiting.has(to)) postpone(ctx, state, push)\n      else give',
    replace: 'give',
  },
  {
    name: 'messages: repeats take a number',
    faults: [],
    file: 'src/services/messages/numbering.ts',
    find: 'if (twin !== undefined) return sent(message, twin.sentMs, false)',
    replace: `if (twin !== undefined) {
    if (head !== undefined) plan.heads.add(head)
    if (head !== undefined) head.maxSeq++
    return sent(message, twin.sentMs, false)
  }`,
  },
  {
    name: 'messages: times do not rise with the numbers',
    faults: [],
    file: 'src/services/messages/numbering.ts',
    find: 'head === undefined ? nowMs : Math.max(nowMs, head.lastMs + 1)',
    replace: 'nowMs',
  },
  {
    name: 'messages: repeats are looked up before the heads are locked',
    faults: [],
    file: 'src/services/messages/lookup.ts',
    find: `  const heads = yield* lockHeads(batch, buckets)
  const digests = batch.map(digestOf)
  const twins = yield* findTwins(batch, buckets, digests)`,
    replace: `  const digests = batch.map(digestOf)
  const twins = yield* findTwins(batch, buckets, digests)
  const heads = yield* lockHeads(batch, buckets)`,
  },
  {
    name: 'messages: heads are read and not locked',
    faults: [],
    file: 'src/services/messages/lookup.ts',
    find: 'const locked = sorted.length === 0 ? [] : yield* lock(conversations, sorted)',
    replace: `const keys = sorted.map(({ bucket, conversationId }) => [bucket, conversationId])
  const locked = (yield* findMany(conversations, keys)).map((head, index) => head ?? sorted[index])`,
  },
  {
    name: 'messages: heads are locked in the order in which they come',
    faults: [],
    file: 'src/services/messages/lookup.ts',
    find: 'one.bucket - other.bucket || (one.conversationId < other.conversationId ? -1 : 1)',
    replace: '0',
  },
  {
    name: 'messages: conversations of users who differ by case are one',
    faults: [],
    file: 'src/rules/messages/conversation-id.ts',
    find: 'export function singleChatId({ a, b }: Parties): ConversationId {',
    replace: `export function singleChatId(parties: Parties): ConversationId {
  const [a, b] = [parties.a.toLowerCase(), parties.b.toLowerCase()]`,
  },
  {
    name: 'messages: messages whose IDs differ by case are one',
    faults: [],
    file: 'src/services/messages/digest.ts',
    find: "hashOf('sha256', ",
    replace: "((name, text) => hashOf(name, text.toLowerCase()))('sha256', ",
  },
  {
    name: 'messages: an error of the database is taken for success',
    faults: ['dbConflict', 'lockTimeout', 'dbFull'],
    file: 'actors/storage/message-writer/commits.ts',
    find: 'ctx.pipe(given.recover === undefined ? written : written.catch(given.recover), (outcome) => ({',
    replace: `const last = () => [...given.results.values()].at(-1)
  ctx.pipe(written.catch((error) => last() ?? Promise.reject(error)), (outcome) => ({`,
  },
  {
    name: 'messages: a commit whose answer was lost leaves no mark',
    faults: ['commitAnswerLost'],
    file: 'actors/storage/message-writer/commits.ts',
    find: 'yield* markCommit(given.orderId, createdMs)',
    replace: '',
  },
  {
    name: 'messages: a lost commit is begun again without a look',
    faults: ['commitAnswerLost'],
    file: 'actors/storage/message-writer/commits.ts',
    find: 'if (given.looks > 0) {',
    replace: 'if (false) {',
  },
  {
    name: 'messages: no order is kept in the outbox',
    faults: ['dieAfterCommit', 'commitAnswerLost'],
    file: 'actors/storage/message-writer/commits.ts',
    find: 'if (state.messageSync !== undefined) yield* keepOrder(given.orderId, result.deliveries)',
    replace: '',
  },
  {
    name: 'messages: nobody takes what was left in the outbox',
    faults: ['dieAfterCommit', 'storageDeath', 'sleepInCommit'],
    file: 'actors/storage/message-writer.ts',
    find: "if (args.messageSync !== undefined) ctx.every('janitor', JANITOR_MS, { kind: 'janitorDue' })",
    replace: '',
  },
  {
    name: 'messages: an order is done before the nodes have confirmed it',
    faults: ['deafSubscriber', 'dropMessage'],
    file: 'actors/sync/message-sync.ts',
    find: 'orders.filter((order) => !state.ways.isOpen(order))',
    replace: 'orders',
  },
  {
    name: 'messages: a store that came back is believed at once',
    faults: ['loseLastWrites'],
    file: 'actors/sync/message-sync.ts',
    find: 'state.uncertainUntilMs = ctx.nowMs() + UNCERTAIN_MS',
    replace: '',
  },
  {
    name: 'messages: a revoke locks nothing',
    faults: [],
    file: 'src/services/messages/revoke.ts',
    find: 'if (head !== undefined) yield* lock(conversations, [head])',
    replace: '',
  },
  {
    name: 'messages: a revoke is told to nobody',
    faults: [],
    file: 'src/services/messages/revoke.ts',
    find: 'yield* tellRevoked(context, row, userID)',
    replace: '',
  },
  {
    name: 'messages: an assertion that arrives after a later one is believed',
    faults: ['slowAssert'],
    file: 'src/rules/shard/late-assertions.ts',
    find: 'if (nowMs - sinceMs < LATE_MS) break',
    replace: 'if (nowMs > 0) break',
  },
  {
    name: 'messages: who was off the record for a while stays without what was sent meanwhile',
    faults: ['slowAssert'],
    file: 'actors/shard/presence-shard/from-store.ts',
    find: 'if (lacksMessages) sessions.sendBack(userId, out)',
    replace: '',
  },
  {
    name: 'messages: nodes that lost their leases while the store was away are not told again',
    faults: ['loseLastWrites'],
    file: 'actors/sync/message-sync.ts',
    find: 'if (ctx.nowMs() < state.uncertainUntilMs) tellAgainLater(ctx, state, all)',
    replace: '',
  },
  {
    name: 'messages: who read before the login was recorded is pushed what they have read',
    faults: ['slowAssert', 'takerDies', 'syncDeath'],
    file: 'actors/io/connection/messages.ts',
    find: 'return recordedMs ?? reading?.earlyMs ?? Number.POSITIVE_INFINITY',
    replace: 'return recordedMs ?? (reading?.earlyMs === undefined ? Number.POSITIVE_INFINITY : 0)',
  },
]
