/** All that is fuzzed by function. A live node is fuzzed by `live.ts`. */
import type { Target } from './engine/target.js'
import { frames } from './targets/frames.js'
import { gob } from './targets/gob.js'
import { gzipTarget } from './targets/gzip.js'
import { handshake } from './targets/handshake.js'
import { json } from './targets/json.js'
import { nodeNotes } from './targets/node-notes.js'
import { protobuf } from './targets/protobuf.js'
import { rest } from './targets/rest.js'
import { settings } from './targets/settings.js'
import { textFrames } from './targets/text-frames.js'
import { tokens } from './targets/tokens.js'

export const targets: readonly Target[] = [
  handshake,
  frames,
  gob,
  json,
  gzipTarget,
  protobuf,
  textFrames,
  rest,
  nodeNotes,
  tokens,
  settings,
]
