/** gunzip and its bound, beside zlib without one. */

import assert from 'node:assert/strict'
import { gunzipSync, gzipSync } from 'node:zlib'
import { codeOf } from '../../../src/errors/errors.js'
import { gunzip, gzip } from '../../../src/openim/codec/gzip.js'
import type { Run, Target } from '../engine/target.js'

const REFUSALS = ['BAD_ENVELOPE', 'MESSAGE_TOO_LONG']
/** Small, so that inputs about the bound are soon found. */
const BYTES_MAX = 1_000
/** zlib's own result is made up to here. */
const ORACLE_BYTES_MAX = 20_000

export const target: Target = {
  name: 'gzip',
  what: 'gzip frames: inflated as zlib does, or BAD_ENVELOPE, or MESSAGE_TOO_LONG exactly above the bound',
  bytesMax: 4_096,
  steps: { base: 2_000, perByte: 20 },
  seeds: () => [
    gzip(Buffer.from('stored')),
    gzip(Buffer.alloc(BYTES_MAX, 'deflated')),
    gzipSync(Buffer.alloc(BYTES_MAX + 1, 'x')),
    gzipSync(Buffer.alloc(1_000_000)),
    Buffer.concat([gzip(Buffer.from('two')), gzip(Buffer.from('members'))]),
    Buffer.concat([gzip(Buffer.from('zeros after')), Buffer.alloc(3)]),
  ],
  open: (): Run => (input) => {
    let refusal = ''
    let inflated: Uint8Array | undefined
    try {
      inflated = gunzip(input, BYTES_MAX)
    } catch (error) {
      refusal = String(codeOf(error))
      if (!REFUSALS.includes(refusal)) throw error
    }
    const whole = oracle(input)
    if (inflated !== undefined) {
      assert.ok(inflated.length <= BYTES_MAX, `${inflated.length} bytes came out`)
      assert.equal(Buffer.compare(inflated, whole ?? Buffer.from('refused')), 0)
      assert.equal(Buffer.compare(gunzip(gzip(inflated), BYTES_MAX), inflated), 0)
    } else if (whole !== undefined) {
      assert.equal(refusal, 'MESSAGE_TOO_LONG')
      assert.ok(whole.length > BYTES_MAX, 'a frame within the bound was refused')
    }
  },
}

/** What zlib inflates; undefined where it fails, or does not use the whole input. */
function oracle(input: Uint8Array): Buffer | undefined {
  try {
    const options = { maxOutputLength: ORACLE_BYTES_MAX, info: true }
    const { buffer, engine } = gunzipSync(input, options) as unknown as Inflated
    return engine.bytesWritten === input.length ? buffer : undefined
  } catch {
    return undefined
  }
}

interface Inflated {
  buffer: Buffer
  engine: { bytesWritten: number }
}
