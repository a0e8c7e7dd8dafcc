/** All that is fuzzed by function. A live node is fuzzed by `live.ts`. */
import type { Target } from './engine/target.js'
import { target as frames } from './targets/frames.js'
import { target as gob } from './targets/gob.js'
import { target as gobShapes } from './targets/gob-shapes.js'
import { target as gzip } from './targets/gzip.js'
import { target as handshake } from './targets/handshake.js'
import { target as json } from './targets/json.js'
import { target as nodeNotes } from './targets/node-notes.js'
import { target as protobuf } from './targets/protobuf.js'
import { target as rest } from './targets/rest.js'
import { target as settings } from './targets/settings.js'
import { target as textFrames } from './targets/text-frames.js'
import { target as tokens } from './targets/tokens.js'

/** Each is named after its file: its thread imports no other. */
export const targets: readonly Target[] = [
  handshake,
  frames,
  gob,
  gobShapes,
  json,
  gzip,
  protobuf,
  textFrames,
  rest,
  nodeNotes,
  tokens,
  settings,
]
