/** Text frames: the scanner that finds a ping's body in its source, beside `JSON.parse`. */
import assert from 'node:assert/strict'
import { parseTextFrame } from '../../../src/openim/text-frames.js'
import { INPUT_BYTES_MAX, type Run, type Target } from '../engine/target.js'

export const target: Target = {
  name: 'text-frames',
  what: 'pings as text: the pong carries the body that JSON.parse finds; anything else is bad, and nothing throws',
  bytesMax: INPUT_BYTES_MAX,
  steps: { base: 2_000, perByte: 20 },
  seeds: () =>
    [
      '{"type":"ping","body":"op-1"}',
      '{"body":{"a":[1,"}\\"",null]},"x":-1.5e+3,"type":"ping"}',
      ' { "TYPE" : "p\\u0069ng" , "body" : [ ] , "body" : 7 } ',
      '{"type":"pong"}',
      '[]',
    ].map((text) => Buffer.from(text)),
  open: (): Run => (input) => {
    const source = Buffer.from(input).toString()
    const frame = parseTextFrame(source)
    const value = parsed(source)
    if (value === undefined) return assert.equal(frame.kind, 'bad')
    const type = only(value, 'type')
    const body = only(value, 'body')
    // Which of several spellings came last `JSON.parse` does not say.
    if (type.isAmbiguous || body.isAmbiguous) return
    assert.equal(frame.kind, type.value === 'ping' || type.value === 'pong' ? type.value : 'bad')
    if (frame.kind !== 'ping') return
    assert.ok(frame.pong.length <= source.length + 40)
    assert.deepEqual(
      JSON.parse(frame.pong),
      JSON.parse(JSON.stringify({ type: 'pong', body: body.value ?? null })),
    )
  },
}

function parsed(source: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(source)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function only(value: Record<string, unknown>, name: string): { value: unknown; isAmbiguous: boolean } {
  const keys = Object.keys(value).filter((key) => key.toLowerCase() === name)
  return { value: keys.length === 0 ? undefined : value[keys[0]!], isAmbiguous: keys.length > 1 }
}
