/** One kind of note: a row of the table in `notes.ts`. A note is what one node tells another, once, without an answer. */
import type { Field, Shape } from './shapes.js'

export interface NoteKind<N> {
  /** One sentence. It stands in docs/node-protocol.md, as everything here does. */
  says: string
  /** Sender → receiver. */
  way: string
  /** The first version of the protocol with this kind. Nodes that do not know a kind leave it out. */
  since: number
  /** A note that arrives twice does nothing more than one that arrives once. */
  isIdempotent: boolean
  /** What makes up for a note that does not arrive. */
  ifLost: string
  /** A malformed note is left out, or makes its message count as lost: the receiver reads again what it watches. */
  ifMalformed: 'leftOut' | 'lost'
  fields: Field[]
  /** The note with this body. Throws an Error if it is malformed. */
  decode(body: unknown): N
}

/** A kind whose body is a map with the fields of `shape`, beside its `kind`. */
export function noteKind<N extends { kind: string }>({
  shape,
  ...row
}: Omit<NoteKind<N>, 'decode' | 'ifMalformed' | 'fields'> & { shape: Shape<Omit<N, 'kind'>> }): NoteKind<N> {
  return {
    ...row,
    ifMalformed: 'leftOut',
    fields: shape.fields ?? [],
    decode: (body) => {
      if (!shape.is(body)) throw new Error('Not a note of this kind.')
      return body as N
    },
  }
}
