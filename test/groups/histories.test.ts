/**
 * Random histories of five users and a group: there is one owner, the counts are right, every list replayed from any
 * version is the list, members read what they sent, and each engine gives the same answers.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type GetSeqMessageReq, MsgData } from '../../src/openim/proto/messages.js'
import { outgoingFrom } from '../../src/services/messages/outgoing.js'
import { sendAll } from '../../src/services/messages/send.js'
import type { Database } from '../../src/store/ports/database.js'
import { textMessage } from '../messages/chat.js'
import { type Act, type History, historyOf, People, playMany, playOnEach, who } from '../people/people.js'
import { MARIADB_MISSING } from '../support/mariadb-server.js'

const PAGE = { pageNumber: 1, showNumber: 100 }
const OWNER_LEVEL = 100
const DISMISSED = 2

const groupOf = ({ suffix }: People) => `group${suffix}`

const some = fc.uniqueArray(who, { minLength: 1 })

/** An act of one on others. */
function by<T>(
  others: fc.Arbitrary<T>,
  act: (people: People, userId: string, others: T, groupID: string) => Promise<unknown>,
): fc.Arbitrary<Act> {
  return fc.tuple(who, others).map(
    ([actor, given]): Act =>
      (people) =>
        act(people, people.nameOf(actor), given, groupOf(people)),
  )
}

const namesOf = (people: People, indexes: readonly number[]) => indexes.map((one) => people.nameOf(one))

const kick = by(some, (people, userId, others, groupID) =>
  people.call('kickFromGroup', userId, { groupID, kickedUserIDs: namesOf(people, others) }),
)
const invite = by(some, (people, userId, others, groupID) =>
  people.call('inviteToGroup', userId, { groupID, reason: '', invitedUserIDs: namesOf(people, others) }),
)
const quit = by(fc.constant(0), (people, userID, _, groupID) =>
  people.call('quitGroup', userID, { groupID, userID }),
)
const join = by(fc.constant(0), (people, userId, _, groupID) =>
  people.call('joinGroup', userId, {
    groupID,
    reqMessage: '',
    joinSource: 3,
    inviterUserID: userId,
    ex: '',
  }),
)
const answer = by(fc.tuple(who, fc.constantFrom(1, 1, -1)), (people, userId, [from, handleResult], groupID) =>
  people.call('answerGroupRequest', userId, {
    groupID,
    fromUserID: people.nameOf(from),
    handledMsg: '',
    handleResult,
  }),
)
const transfer = by(who, (people, userId, other, groupID) =>
  people.call('transferGroup', userId, {
    groupID,
    oldOwnerUserID: userId,
    newOwnerUserID: people.nameOf(other),
  }),
)
const rank = by(fc.tuple(who, fc.constantFrom(20, 60, 100)), (people, userId, [other, roleLevel], groupID) =>
  people.call('setMembers', userId, { members: [{ groupID, userID: people.nameOf(other), roleLevel }] }),
)
const describe = by(fc.constantFrom(0, 1, 2), (people, userId, needVerification, groupID) =>
  people.call('setGroup', userId, { groupID, groupName: `name ${needVerification}`, needVerification }),
)
const mute = by(who, (people, userId, other, groupID) =>
  people.call('muteMember', userId, { groupID, userID: people.nameOf(other), mutedSeconds: 1 }),
)
const dismiss = by(fc.nat(5), async (people, userId, chance, groupID) =>
  chance === 0 ? people.call('dismissGroup', userId, { groupID }) : undefined,
)
/** Who is heard reads it. */
const say = by(fc.constant(0), async (people, userId, _, groupID) => {
  const message = textMessage(userId, '', 'text', {
    sessionType: 3,
    groupID,
    clientMsgID: `${people.tick()}`,
  })
  const caller = { userId, isAdmin: false, operationId: 'test' }
  const outgoing = outgoingFrom(message, MsgData.encode(message).finish(), caller)
  const sent = await people.database.write(() =>
    sendAll([{ message: outgoing, operationId: '' }], people.tick()),
  )
  const [outcome] = sent.outcomes
  if (outcome!.kind === 'refused') return outcome!.errCode
  const { seq } = sent.deliveries[0]!
  const read = await people.call('pullSeqs', userId, {
    userID: userId,
    conversations: [{ conversationID: `sg_${groupID}`, seqs: [seq] }],
    order: 0,
  } satisfies GetSeqMessageReq)
  assert.equal(read.msgs[`sg_${groupID}`].Msgs.length, 1, `${userId} reads what they sent`)
  return seq
})

const act = fc.oneof(
  { weight: 3, arbitrary: invite },
  { weight: 3, arbitrary: say },
  ...[kick, quit, join, answer, transfer, rank, describe, mute, dismiss].map((arbitrary) => ({
    weight: 1,
    arbitrary,
  })),
)

interface Info {
  userID: string
}

/** What a client keeps of the list of members, by what it is told of changes. */
class Copy {
  #known = { version: 0, versionID: '' }
  #infos = new Map<string, Info>()

  constructor(
    readonly people: People,
    readonly userID: string,
  ) {}

  async sync(): Promise<void> {
    const { people, userID } = this
    const groupID = groupOf(people)
    const answer = await people.call('incrementalMembers', userID, { groupID, ...this.#known })
    // Who is no member asks in vain, and goes on from there when they are back.
    if (answer.refused !== undefined) return
    if (answer.full) {
      const { members } = await people.call('membersPage', userID, { groupID, pagination: PAGE, keyword: '' })
      this.#infos = new Map(members.map((info: Info) => [info.userID, info]))
    } else {
      for (const id of answer.delete) this.#infos.delete(id)
      for (const info of [...answer.insert, ...answer.update]) this.#infos.set(info.userID, info)
    }
    this.#known = { version: answer.version, versionID: answer.versionID }
  }

  assertSame(members: readonly Info[]): void {
    const byId = (one: Info, other: Info) => (one.userID < other.userID ? -1 : 1)
    assert.deepEqual(
      [...this.#infos.values()].sort(byId),
      [...members].sort(byId),
      `members as ${this.userID} has them`,
    )
  }
}

async function assertSound(people: People, copies: readonly Copy[]): Promise<void> {
  const groupID = groupOf(people)
  const { members } = await people.callAsAdmin('membersPage', { groupID, pagination: PAGE, keyword: '' })
  const { groupInfos } = await people.callAsAdmin('groupsInfo', { groupIDs: [groupID] })
  const [{ memberCount, status, ownerUserID }] = groupInfos
  assert.equal(memberCount, members.length)
  const owners = members.filter(({ roleLevel }: { roleLevel: number }) => roleLevel === OWNER_LEVEL)
  if (status !== DISMISSED)
    assert.deepEqual(
      owners.map(({ userID }: Info) => userID),
      [ownerUserID],
    )
  else assert.equal(memberCount, 0)
  for (const copy of copies) {
    const { userID } = copy
    const isMember = members.some((member: Info) => member.userID === userID)
    const { groups } = await people.call('joinedGroupsPage', userID, { fromUserID: userID, pagination: PAGE })
    assert.equal(groups.length === 1, isMember, `the groups of ${userID}`)
    if (!isMember) continue
    await copy.sync()
    copy.assertSame(members)
  }
}

async function play(database: Database, suffix: string, [acts, looks]: History) {
  const people = new People(database, suffix)
  await people.register()
  const groupInfo = { groupID: groupOf(people), groupName: 'name', groupType: 2, needVerification: 0 }
  const request = {
    ownerUserID: people.nameOf(0),
    memberUserIDs: [people.nameOf(1)],
    adminUserIDs: [],
    groupInfo,
  }
  const texts = {
    notification: '',
    introduction: '',
    faceURL: '',
    ex: '',
    lookMemberInfo: 0,
    applyMemberFriend: 0,
  }
  const created = { ...request, groupInfo: { ...groupInfo, ...texts } } as never
  const answers: unknown[] = [await people.call('createGroup', people.nameOf(0), created)]
  const copies = people.all.map((userId) => new Copy(people, userId))
  for (const [index, one] of acts.entries()) {
    answers.push(await one(people))
    // Clients look at different times.
    await copies[looks[index]!]!.sync()
  }
  await assertSound(people, copies)
  for (const userID of people.all) {
    answers.push(await people.call('joinedGroupsPage', userID, { fromUserID: userID, pagination: PAGE }))
    answers.push(await people.call('allConversations', userID, { ownerUserID: userID }))
  }
  return JSON.parse(JSON.stringify(answers).replaceAll(suffix, ''))
}

const history = historyOf(act)

t.test('whatever members do, there is one owner, and each list is what its changes lead to', async (t) => {
  await playMany(t, history, play)
})

t.test('each engine gives the same answers', { skip: MARIADB_MISSING ?? false }, async (t) => {
  await playOnEach(t, history, play)
})
