/** What a node hears on its channels in Redis: changes, notes, and OpenIM's notices. */
import assert from 'node:assert/strict'
import { Packr } from 'msgpackr'
import { Platform } from '../../../src/openim/platforms.js'
import { encodeChange } from '../../../src/protocol/node/changes.js'
import { NOTE_KINDS } from '../../../src/protocol/node/notes.js'
import type { Snapshot } from '../../../src/rules/types.js'
import { NodeReceiver, NodeSender, Outgoing } from '../../../src/store/redis/node-channel.js'
import { parseNotice } from '../../../src/store/redis/openim-notices.js'
import { INPUT_BYTES_MAX, type Run, type Target } from '../engine/target.js'

const FROM = 'a#1'
const TO = 'b#2'

export const target: Target = {
  name: 'node-notes',
  what: 'messages of node channels: well-formed changes and notes, or an Error; OpenIM notices: never an Error',
  bytesMax: INPUT_BYTES_MAX,
  steps: { base: 3_000, perByte: 20 },
  seeds: () => [...fromNodes(), ...fromScripts(), Buffer.from('1:5:ann'), Buffer.from(':')],
  open: (): Run => (input) => {
    const payload = Buffer.from(input)
    const notice = parseNotice(payload.toString())
    if (notice !== undefined) assert.ok(notice.userId !== '' && notice.platformIds.every(Number.isInteger))
    const receiver = new NodeReceiver(TO)
    let received: ReturnType<NodeReceiver['receive']>
    try {
      received = receiver.receive(payload)
    } catch (error) {
      assert.ok(error instanceof Error)
      return
    }
    if (typeof received === 'number') return assert.ok(Number.isInteger(received), 'a version is no integer')
    assert.ok(isText(received.from), 'the sender is no text')
    assert.ok(received.missed === undefined || isText(received.missed))
    assert.ok(received.leftOut.every(isText), 'a reason is no text')
    for (const note of received.notes) {
      assert.ok(Object.hasOwn(NOTE_KINDS, note.kind), 'a note of a kind that nobody knows')
      if (note.kind === 'changes') checkChanges(note.snapshots)
      if (note.kind !== 'evict') continue
      const { userId, platformIds = [] } = note.eviction
      assert.ok(isText(userId) && platformIds.every(Number.isFinite), 'an eviction is malformed')
    }
  },
}

function checkChanges(snapshots: Snapshot[]): void {
  for (const { userId, version, claims, foreign } of snapshots) {
    assert.ok(isText(userId), 'a user ID is no text')
    assert.ok(Number.isFinite(version), 'a version is no number')
    assert.ok(Array.isArray(claims) && Array.isArray(foreign))
    assert.ok(foreign.every(Number.isFinite), 'a platform is no number')
    for (const { platformId, holder } of claims) {
      assert.ok(Number.isFinite(platformId) && isText(holder), 'a claim is malformed')
    }
  }
}

/** One message with every kind of note, and one with a change. */
function fromNodes(): Buffer[] {
  const sender = new NodeSender(FROM)
  sender.note(TO, {
    kind: 'evict',
    id: 1,
    from: FROM,
    eviction: { userId: 'ann', before: 7, platformIds: [Platform.Web] },
  })
  sender.note(TO, { kind: 'evicted', id: 1, userId: 'ann', gone: 1, left: [] })
  sender.note(TO, { kind: 'remind', from: FROM, userIds: ['ann'] })
  sender.note(TO, { kind: 'died', dead: [{ holder: 'c#3', inMs: 5 }] })
  sender.note(TO, { kind: 'holding', from: FROM, users: [{ userId: 'ann', platformIds: [Platform.Web] }] })
  sender.note(TO, { kind: 'withdraw', userId: 'ann', platformId: Platform.Web, tokens: ['x'], by: 7 })
  const outgoing = new Outgoing('changes')
  const claims = [{ platformId: Platform.Web, holder: FROM }]
  outgoing.add(
    encodeChange({ userId: 'ann', version: 1_700_000_000_000_000, claims, foreign: [1], isPartial: true }),
    ['b', '2'],
  )
  return [...sender.messages(), ...sender.messages(outgoing)].map(({ payload }) => payload)
}

/** As the script packs it: user, claims, union. */
function fromScripts(): Buffer[] {
  const members = ['5@a#1', '1700000000', 'v', '1700000000000000', 'p', '1']
  return [new Packr({ useRecords: false }).pack([2, FROM, ['ann', members, ['5', '1'], 'bob', [], []]])]
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
