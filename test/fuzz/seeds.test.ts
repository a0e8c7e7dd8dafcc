/** Every target with its own seeds and those that are kept, and a short run of the fuzzer. */
import t from 'tap'
import { Campaign } from './engine/campaign.js'
import { Coverage } from './engine/coverage.js'
import { Fuzzer } from './engine/fuzzer.js'
import { instrument } from './engine/instrument.js'
import { keptSeeds } from './kept-seeds.js'
import { targets } from './targets.js'

/** Always the same, so that this test says the same of the same code. `npm run test:fuzz` tries others. */
const SEED = 1
const EXECUTIONS = 300

t.test('readers of what strangers send keep what they promise', async (t) => {
  const campaign = new Campaign()
  t.teardown(() => campaign.close())
  for (const target of targets) {
    t.test(`${target.name}: ${target.what}`, async (t) => {
      const seeds = keptSeeds(target.name).map(({ input }) => input)
      const outcome = await campaign.run({ target, seed: SEED, seeds, executionsMax: EXECUTIONS })
      t.same(
        outcome.findings.map(({ kind, message, input }) => ({ kind, message, input: base64(input) })),
        [],
      )
      t.ok(outcome.executions >= EXECUTIONS + target.seeds().length, `${outcome.executions} inputs`)
    })
  }
})

t.test('instrumented code does what it did, and counts where it went', async (t) => {
  const source = `
    function f(n) { if (n > 2) return 'big'; else if (n === 2) { return 'two' }
      for (const x of [1, 2]) if (x === n) while (n < 9) n++
      do n++; while (n < 12)
      switch (n) { case 12: n += 1 /* : */; break; default: n = 0 }
      try { if (n === 13) throw n } catch { n = -n }
      return [1, 2].map((x) => ({ y: x && n || 7 })).map(({ y }) => y ?? 0)[n < 0 ? 0 : 1] }
    class A { #b = (() => 1)(); get b() { return this.#b } static async *c() { yield 1 } }
    return [f(1), f(2), f(3), new A().b]`
  const run = (code: string): unknown => new Function(code)()
  const { code, count, words } = instrument(source)
  const counters = new Uint32Array(count)
  const counted = code.replace('globalThis.__fuzzCounters', 'arguments[0]')
  t.same(new Function(counted)(counters), run(source))
  t.equal(code.split('\n').length, source.split('\n').length, 'lines stay where they are')
  t.equal(counters.filter((times) => times === 0).length, 6, 'branches that nobody took count nothing')
  t.ok(words.includes('big') && words.includes('12') && words.includes('y'))
})

t.test('the fuzzer finds what only coverage leads to, and makes it short', async (t) => {
  const counters = new Uint32Array(8)
  const secret = Uint8Array.of(0x70, 0, 0xff)
  const found: Uint8Array[] = []
  const target = {
    name: 'x',
    what: '',
    bytesMax: 64,
    steps: { base: 1e6, perByte: 0 },
    seeds: () => [],
    open: () => () => {},
  }
  const run = (input: Uint8Array): void => {
    for (let at = 0; at < secret.length; at++) {
      counters[at]!++
      if (input[at] !== secret[at]) return
    }
    throw new Error('found')
  }
  const fuzzer = new Fuzzer(target, run, new Coverage(counters), {
    seed: SEED,
    words: () => [],
    trying: () => {},
    found: ({ input }) => found.push(input),
  })
  await fuzzer.addSeeds([Buffer.from('a long seed that has nothing to do with it')])
  while (found.length === 0 && fuzzer.executions < 500_000) await fuzzer.next()
  t.same(found.map(base64), [base64(secret)])
})

function base64(input: Uint8Array): string {
  return Buffer.from(input).toString('base64')
}
