/** `npm run model`: what a cluster of a size would send, as a table, and as the chart of docs/operating.md. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chartSvg, short } from './chart.js'
import { type Cluster, DEFAULTS, globalChannel, interestRouting, nodesWatching } from './traffic.js'

const HELP = `What a cluster would send to tell watchers of changes, worked out; nothing is started.

  npm run model -- [options]

  --watch K       users that each user watches, default ${DEFAULTS.watches}
  --every S       seconds from one change of a user to their next, default ${Math.round(1 / DEFAULTS.changesPerUser)}
  --flight MS     how long a batch is on its way to Redis and back, default ${DEFAULTS.flightMs}
  --per-master N  nodes for each Redis master, default 10
  --svg FILE      write the chart there; without any option it is written to docs/traffic.svg
  --help          this text
`

const DOCS_CHART = new URL('../../../docs/traffic.svg', import.meta.url)

const SIZES: [nodes: number, users: number][] = [
  [1, 1e3],
  [1, 1e5],
  [3, 3e5],
  [10, 1e4],
  [10, 1e6],
  [100, 1e6],
  [100, 1e7],
  [1_000, 1e7],
  [1_000, 1e8],
]

try {
  main()
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}

function main(): void {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      watch: text,
      every: text,
      flight: text,
      'per-master': text,
      svg: text,
      help: { type: 'boolean' },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const watches = positive('--watch', values.watch, DEFAULTS.watches)
  const everyS = positive('--every', values.every, 1 / DEFAULTS.changesPerUser)
  const flightMs = positive('--flight', values.flight, DEFAULTS.flightMs)
  const perMaster = positive('--per-master', values['per-master'], 10)
  const clusterOf = (users: number, nodes: number): Cluster => ({
    ...DEFAULTS,
    nodes,
    users,
    masters: Math.max(1, Math.ceil(nodes / perMaster)),
    watches: Math.min(watches, users - 1),
    changesPerUser: 1 / everyS,
    flightMs,
  })
  process.stdout.write(table(clusterOf))
  const isPlain = Object.keys(values).length === 0
  const svg = values.svg ?? (isPlain ? fileURLToPath(DOCS_CHART) : undefined)
  if (svg === undefined) return
  const subtitle =
    `Each user watches ${short(watches)} others and changes once in ${short(everyS)} s; ` +
    `a Redis master for each ${short(perMaster)} nodes; a batch is in flight for ${short(flightMs)} ms.`
  writeFileSync(svg, chartSvg(clusterOf, subtitle))
}

function table(clusterOf: (users: number, nodes: number) => Cluster): string {
  const head = [
    'nodes',
    'masters',
    'users',
    'watching nodes',
    'node: changes heard',
    'messages',
    'global channel',
    'master: messages',
    'scripts',
    'renewals',
    'global channel',
  ]
  const rows = SIZES.map(([nodes, users]) => {
    const cluster = clusterOf(users, nodes)
    const { node, master } = interestRouting(cluster)
    const global = globalChannel(cluster)
    return [
      nodes,
      cluster.masters,
      users,
      nodesWatching(cluster),
      node.heard,
      node.messages,
      global.node.messages,
      master.messages,
      master.scripts,
      master.renewals,
      global.master.messages,
    ].map(short)
  })
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)))
  const line = (cells: string[]) => cells.map((cell, at) => cell.padStart(widths[at]!)).join('  ')
  return `A second, of each node and of each Redis master:\n\n${[head, ...rows].map(line).join('\n')}\n`
}

function positive(option: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new Error(`${option} ${text}: expected a number above 0`)
}
