/**
 * The wire between nodes of different releases. Each sample was written by the release that introduced its form, and has
 * the bytes of a message and what they say. A sample never changes: a release that cannot read one cannot talk to a
 * node of that release.
 */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { encodeChange } from '../../../src/protocol/node/changes.js'
import { packEnvelope } from '../../../src/protocol/node/envelope.js'
import { decodeMessage } from '../../../src/protocol/node/message.js'
import { type AnyNote, NOTE_KINDS } from '../../../src/protocol/node/notes.js'

interface Sample {
  from: string
  /** Absent = the message is not numbered. */
  to?: string
  seq?: number
  notes: AnyNote[]
  hex: string
}

/** Sources lie where the project begins, however deep the compiled copy of this file is. */
const FOLDER = new URL('../../../../test/protocol/node/samples/', import.meta.url)

const samples = new Map(
  readdirSync(FOLDER).map((file) => [
    file.replace('.json', ''),
    JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'), bytesAsHex) as Sample,
  ]),
)

/** JSON has no bytes: a sample has them as `{ "bytes": "00ff" }`. */
function bytesAsHex(_: string, value: unknown): unknown {
  const { bytes } = (value ?? {}) as { bytes?: string }
  return typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : value
}

const partOf = (note: AnyNote) =>
  note.kind === 'changes'
    ? { kind: note.kind, body: note.snapshots.map(encodeChange) }
    : { kind: note.kind, body: note }

t.test('each kind has a sample of the version that introduced it', async (t) => {
  for (const [kind, { since }] of Object.entries(NOTE_KINDS)) t.ok(samples.has(`${since}-${kind}`), kind)
})

for (const [name, { from, to, seq, notes, hex }] of samples) {
  t.test(`the sample ${name} is read as it was meant`, async (t) => {
    const numbering = to === undefined ? {} : { numbering: { to, seq } }
    t.strictSame(decodeMessage(Buffer.from(hex, 'hex')), { from, ...numbering, notes, leftOut: [] })
  })

  if (to === undefined || seq === undefined) continue
  t.test(`what the sample ${name} says is still written in the same bytes`, async (t) => {
    t.equal(packEnvelope(from, { to, seq }, notes.map(partOf)).toString('hex'), hex)
  })
}
