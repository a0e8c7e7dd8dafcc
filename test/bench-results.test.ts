/** What the bench makes of its figures: ratios, goals, tables, kept results, and its command line. */
import t from 'tap'
import { defineBenchmark, figure, short } from '../bench/support/figures.js'
import { choose, listText, readOptions } from '../bench/support/options.js'
import { type Run, resultsText, withRun } from '../bench/support/results.js'
import type { Stamp } from '../bench/support/stamp.js'
import { goalsLine, notesOf, tableOf } from '../bench/support/table.js'

const ceiling = { name: 'raw', values: [10, 100, 1_000] }
const common = { name: 'x', unit: '/s', ours: [5, 60, 700], ceiling }
const stamp: Stamp = {
  date: '2026-01-02T03:04:05.678Z',
  commit: 'abcdef',
  isDirty: false,
  node: 'v20.0.0',
  cpu: 'A processor',
  cores: 2,
  kernel: 'Linux 6',
  load: 0.12,
  beside: '',
}
const TITLE = '# Figures, made anew'
const runOf = (name: string, given: Partial<Run> = {}): Run => ({
  name,
  question: `how fast is ${name}`,
  stamp,
  sizes: { things: 7, rounds: 3 },
  figures: [figure({ ...common, name: `${name} a second`, goal: { atLeast: 0.5 } })],
  ...given,
})

t.test('a ratio compares the values of the same round, and a goal is about the middle one', async (t) => {
  const more = figure({ ...common, goal: { atLeast: 0.6 } })
  t.same(more.ratio, { median: 0.6, min: 0.5, max: 0.7 })
  t.equal(more.isMet, true)
  t.equal(figure({ ...common, goal: { atMost: 0.5 } }).isMet, false)
  t.match(
    tableOf([more]),
    /^\| x +\| 60\.0 \(5\.00\.\.700\) \/s \| raw: 100 \/s \| 0\.60 \(0\.50\.\.0\.70\)x \| >= 0\.6x \| yes \|$/m,
  )
})

t.test('a goal may be about the value or about CPU, and says so', async (t) => {
  const value = figure({ ...common, unit: 'KB', goal: { atMost: 50, of: 'value' } })
  t.equal(value.isMet, false)
  t.match(tableOf([value]), '| <= 50 KB | no')
  const cpu = figure({
    ...common,
    cpuUs: [3, 2, 1],
    ceiling: { ...ceiling, cpuUs: [1, 2, 2] },
    goal: { atMost: 1.1, of: 'cpu' },
  })
  t.equal(cpu.isMet, true)
  t.match(
    tableOf([cpu]),
    'raw: 100 /s, CPU 2.00 µs | 0.60 (0.50..0.70)x | 1.00 (0.50..3.00)x | CPU <= 1.1x | yes',
  )
  t.throws(() => figure({ ...common, goal: { atMost: 1, of: 'cpu' } }))
})

t.test('a column of which no figure has anything is left out', async (t) => {
  const [head] = tableOf([figure(common)]).split('\n')
  t.match(head, /^\| figure \| median \(min\.\.max\) +\| beside +\| ratio +\|$/)
  const [full] = tableOf([figure({ ...common, latenciesMs: [1], residentMiB: [2], cpuUs: [3] })]).split('\n')
  t.match(full, /p50 \/ p95 \/ p99 \/ max +\| CPU each +\| RSS/)
})

t.test('a generator at its limit is said to be, at the value and below', async (t) => {
  const generator = { name: 'the crowd', ours: [0.95, 0.93, 0.99] }
  const limited = figure({ ...common, generator: { ...generator, ceiling: [0.5, 0.5, 0.5] } })
  t.match(tableOf([limited]), '/s, the limit of the crowd |')
  t.match(notesOf([limited]), [
    /95 % of a core, with the ceiling 50 %: it is the crowd that limits the rate$/,
  ])
  const idle = figure({ ...common, generator: { ...generator, ours: [0.2, 0.3, 0.4], ceiling: [1, 1, 1] } })
  t.notMatch(tableOf([idle]), 'limit')
  t.match(notesOf([idle]), [/30 % of a core, with the ceiling 100 %: there it is the crowd that limits/])
  t.match(notesOf([figure({ ...common, generator })]), [/95 % of a core: it is the crowd/])
})

t.test('goals are counted, and those that are not met are named', async (t) => {
  const met = figure({ ...common, goal: { atLeast: 0.1 } })
  const missed = figure({ ...common, name: 'y', goal: { atLeast: 10 } })
  t.equal(goalsLine([met, figure(common)]), '1 of 1 goals are met.')
  t.equal(goalsLine([met, missed]), '1 of 2 goals are met. Not met: y, beside raw.')
})

t.test('numbers are short, the small ones too', async (t) => {
  t.same([0, 0.004567, 0.1, 1.234, 12.34, 123.4, 9_999, 12_345, 1_234_567].map(short), [
    '0.00',
    '0.0046',
    '0.10',
    '1.23',
    '12.3',
    '123',
    '9999',
    '12.3k',
    '1.23M',
  ])
})

t.test('a kept run gives way to the next of its name, and the others stay', async (t) => {
  const names = ['first', 'second', 'third']
  const kept = withRun([runOf('third'), runOf('gone')], runOf('first'), names)
  t.same(
    kept.map(({ name }) => name),
    ['first', 'third'],
  )
  const later = { ...stamp, date: '2027-01-01T00:00:00.000Z' }
  const again = withRun(kept, runOf('third', { stamp: later }), names)
  t.same(
    again.map((run) => [run.name, run.stamp.date]),
    [
      ['first', stamp.date],
      ['third', later.date],
    ],
  )
})

t.test('the kept results say how each figure was made, also when they have been JSON', async (t) => {
  const dirty = runOf('second', {
    stamp: { ...stamp, commit: '123456', isDirty: true, load: 1.5, beside: 'Other 4.8' },
  })
  const runs = [runOf('first'), dirty]
  const text = resultsText(runs, TITLE)
  t.match(text, '# Figures, made anew; with names of benchmarks')
  t.match(text, '2 of 2 goals are met.')
  t.match(text, /^\| first +\| first a second +\| raw +\| 0\.60x \| >= 0\.5x \| yes \|$/m)
  t.match(
    text,
    '## first\n\nHow fast is first.\n\n2026-01-02 03:04 UTC, commit abcdef, Node v20.0.0, A processor x 2, Linux 6, ' +
      'load 0.1 before; things=7, rounds=3.\n\n| figure',
  )
  t.match(
    text,
    'commit 123456 with changes, Node v20.0.0, A processor x 2, Linux 6, load 1.5 before; Other 4.8',
  )
  t.equal(resultsText(JSON.parse(JSON.stringify(runs)) as Run[], TITLE), text)
})

t.test('the command line chooses benchmarks and sizes', async (t) => {
  const benchmarks = ['one', 'two'].map((name) =>
    defineBenchmark({
      name,
      question: `what about ${name}`,
      sizes: { users: 10, rounds: 3 },
      fullSizes: { users: 1_000 },
      run: async () => [],
    }),
  )
  const sizesOf = (...args: string[]) =>
    choose(benchmarks, readOptions(args)).map(({ benchmark: { name }, sizes }) => [name, sizes])
  const small = { users: 10, rounds: 3 }
  t.same(sizesOf(), [
    ['one', small],
    ['two', small],
  ])
  t.same(sizesOf('two'), [['two', small]])
  t.same(sizesOf('two', '--full'), [['two', { users: 1_000, rounds: 3 }]])
  t.same(sizesOf('--full', 'one', '--set', 'one.users=5', '--set', 'one.rounds=1'), [
    ['one', { users: 5, rounds: 1 }],
  ])
  t.match(readOptions(['--json', '--save', '--help', '--peer', 'x']), {
    isJson: true,
    isSaved: true,
    isHelp: true,
    peers: ['x'],
  })
  t.match(listText(benchmarks), 'sizes: users=10 (1000) rounds=3\n')
  for (const bad of [['three'], ['--set', 'one.users=0'], ['--set', 'one.others=1'], ['--loud']]) {
    t.throws(() => choose(benchmarks, readOptions(bad)), bad.join(' '))
  }
})
