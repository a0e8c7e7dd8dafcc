/**
 * Random histories of five users who make friends and cease to be: what holds after each, and the same history on each
 * engine gives the same answers.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Database } from '../../src/store/ports/database.js'
import { MARIADB_MISSING } from '../support/mariadb-server.js'
import { type Act, type History, historyOf, People, playMany, playOnEach, who } from './people.js'

const PAGE = { pageNumber: 1, showNumber: 100 }

const pair = fc.record({ from: who, to: who })
const act: fc.Arbitrary<Act> = fc.oneof(
  pair.map(
    ({ from, to }): Act =>
      (people) => {
        const [fromUserID, toUserID] = [people.nameOf(from), people.nameOf(to)]
        return people.call('requestFriend', fromUserID, { fromUserID, toUserID, reqMsg: '', ex: '' })
      },
  ),
  fc.tuple(pair, fc.constantFrom(1, 1, -1)).map(
    ([{ from, to }, handleResult]): Act =>
      (people) => {
        const [fromUserID, toUserID] = [people.nameOf(from), people.nameOf(to)]
        return people.call('answerFriend', toUserID, { fromUserID, toUserID, handleResult, handleMsg: '' })
      },
  ),
  pair.map(
    ({ from, to }): Act =>
      (people) => {
        const [ownerUserID, friendUserID] = [people.nameOf(from), people.nameOf(to)]
        return people.call('deleteFriend', ownerUserID, { ownerUserID, friendUserID })
      },
  ),
  fc.tuple(pair, fc.option(fc.boolean()), fc.option(fc.constantFrom('', 'remark'))).map(
    ([{ from, to }, isPinned, remark]): Act =>
      (people) => {
        const [ownerUserID, friendUserID] = [people.nameOf(from), people.nameOf(to)]
        return people.call('updateFriends', ownerUserID, {
          ownerUserID,
          friendUserIDs: [friendUserID],
          isPinned,
          remark,
        })
      },
  ),
  fc.tuple(who, fc.uniqueArray(who, { minLength: 1 })).map(
    ([owner, others]): Act =>
      (people) => {
        const [ownerUserID, friendUserIDs] = [people.nameOf(owner), others.map((one) => people.nameOf(one))]
        return people.callAsAdmin('importFriends', { ownerUserID, friendUserIDs })
      },
  ),
  pair.map(
    ({ from, to }): Act =>
      (people) => {
        const [ownerUserID, blackUserID] = [people.nameOf(from), people.nameOf(to)]
        return people.call('addBlack', ownerUserID, { ownerUserID, blackUserID, ex: '' })
      },
  ),
  pair.map(
    ({ from, to }): Act =>
      (people) => {
        const [ownerUserID, blackUserID] = [people.nameOf(from), people.nameOf(to)]
        return people.call('removeBlack', ownerUserID, { ownerUserID, blackUserID })
      },
  ),
)

interface Info {
  friendUser: { userID: string }
}

/** What a client keeps of a list, by what it is told of changes. */
class Copy {
  #version = 0
  #versionID = ''
  #infos = new Map<string, Info>()
  #order: string[] = []

  constructor(
    readonly people: People,
    readonly userID: string,
  ) {}

  async sync(): Promise<void> {
    const { people, userID } = this
    const known = { userID, version: this.#version, versionID: this.#versionID }
    const answer = await people.call('incrementalFriends', userID, known)
    const before = [...this.#infos.keys()]
    if (answer.full) {
      const { friendsInfo } = await people.call('friendsPage', userID, { userID, pagination: PAGE })
      this.#infos = new Map(friendsInfo.map((info: Info) => [info.friendUser.userID, info]))
    } else {
      for (const id of answer.delete) this.#infos.delete(id)
      for (const info of [...answer.insert, ...answer.update]) this.#infos.set(info.friendUser.userID, info)
    }
    const isSame = before.length === this.#infos.size && before.every((id) => this.#infos.has(id))
    if (!isSame || answer.sortVersion > 0 || answer.full) {
      this.#order = (await people.call('friendIds', userID, { userID, idHash: 0 })).userIDs ?? []
    }
    this.#version = answer.version
    this.#versionID = answer.versionID
  }

  async assertTrue(): Promise<void> {
    const { people, userID } = this
    const { friendsInfo, total } = await people.call('friendsPage', userID, { userID, pagination: PAGE })
    assert.equal(total, friendsInfo.length)
    assert.equal(this.#infos.size, total)
    const copy = this.#order.map((id) => this.#infos.get(id))
    assert.deepEqual(copy, friendsInfo, `the list of ${userID}`)
  }
}

/** Plays a history, and gives all its answers, without the names that are its own. */
async function play(database: Database, suffix: string, [acts, looks]: History) {
  const people = new People(database, suffix)
  await people.register()
  const copies = people.all.map((userId) => new Copy(people, userId))
  const answers: unknown[] = []
  for (const [index, one] of acts.entries()) {
    answers.push(await one(people))
    // Clients look at different times.
    await copies[looks[index]!]!.sync()
  }
  for (const copy of copies) {
    await copy.sync()
    await copy.assertTrue()
    const { userID } = copy
    answers.push(await people.call('friendsPage', userID, { userID, pagination: PAGE }))
    answers.push(await people.call('blacksPage', userID, { userID, pagination: PAGE }))
    answers.push(
      await people.call('receivedRequests', userID, { userID, pagination: PAGE, handleResults: [] }),
    )
  }
  return JSON.parse(JSON.stringify(answers).replaceAll(suffix, ''))
}

const history = historyOf(act)

t.test('whatever friends do, each list replayed from any version is the list', async (t) => {
  await playMany(t, history, play)
})

t.test('each engine gives the same answers', { skip: MARIADB_MISSING ?? false }, async (t) => {
  await playOnEach(t, history, play)
})
