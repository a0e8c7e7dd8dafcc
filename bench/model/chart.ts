/** The chart of the model: two panels with log axes, as SVG text that is legible on light and on dark pages. */
import { type Cluster, globalChannel, interestRouting } from './traffic.js'

/** Lines of the chart: users of the whole cluster. */
const USERS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8]
const NODES_MAX = 1_000
/** Points of a line, for each factor of 10. */
const STEPS = 8
const WIDTH = 900
const HEIGHT = 470
const PANEL = { width: 330, height: 330, top: 70 }
const LEFTS = [60, 480]
/** Powers of 10 at the ends of the vertical axis: messages a second. */
const LOW = -1
const HIGH = 7

interface Panel {
  title: string
  ours(cluster: Cluster): number
  global(cluster: Cluster): number
}

const PANELS: Panel[] = [
  {
    title: 'Messages that a node hears, a second',
    ours: (cluster) => interestRouting(cluster).node.messages,
    global: (cluster) => globalChannel(cluster).node.messages,
  },
  {
    title: 'Messages through a Redis master, a second',
    ours: (cluster) => interestRouting(cluster).master.messages,
    global: (cluster) => globalChannel(cluster).master.messages,
  },
]

/** `clusterOf`: the cluster of so many users and nodes. */
export function chartSvg(clusterOf: (users: number, nodes: number) => Cluster, subtitle: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="12">
  <title>Messages between nodes, by interest and over one global channel</title>
  <style>
    .page { fill: #ffffff; }
    text { fill: #0f172a; }
    .faint { fill: #475569; font-size: 11px; }
    .grid { stroke: #e2e8f0; }
    .ours { stroke: #0f766e; fill: none; stroke-width: 2; }
    .global { stroke: #c2410c; fill: none; stroke-width: 1.5; stroke-dasharray: 5 4; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; }
      text { fill: #e6edf3; }
      .faint { fill: #9da7b3; }
      .grid { stroke: #2a313c; }
      .ours { stroke: #2dd4bf; }
      .global { stroke: #fb923c; }
    }
  </style>
  <rect class="page" width="${WIDTH}" height="${HEIGHT}"/>
  <line class="ours" x1="60" y1="22" x2="90" y2="22"/><text x="98" y="26">Porchlight: to the nodes that watch</text>
  <line class="global" x1="330" y1="22" x2="360" y2="22"/><text x="368" y="26">one global channel, as OpenIM has it</text>
  <text class="faint" x="60" y="${HEIGHT - 12}">${subtitle}</text>
${PANELS.map((panel, n) => panelSvg(panel, LEFTS[n]!, clusterOf)).join('\n')}
</svg>
`
}

function panelSvg(panel: Panel, left: number, clusterOf: (users: number, nodes: number) => Cluster): string {
  const { width, height, top } = PANEL
  const bottom = top + height
  const x = (nodes: number) => left + (Math.log10(nodes) / Math.log10(NODES_MAX)) * width
  const y = (messages: number) => bottom - ((Math.log10(messages) - LOW) / (HIGH - LOW)) * height
  const parts = [`  <text x="${left}" y="${top - 14}" font-weight="600">${panel.title}</text>`]
  for (let power = LOW; power <= HIGH; power++) {
    const at = y(10 ** power).toFixed(1)
    parts.push(
      `  <line class="grid" x1="${left}" y1="${at}" x2="${left + width}" y2="${at}"/>`,
      `  <text class="faint" x="${left - 6}" y="${Number(at) + 4}" text-anchor="end">${short(10 ** power)}</text>`,
    )
  }
  for (let nodes = 1; nodes <= NODES_MAX; nodes *= 10) {
    const at = x(nodes).toFixed(1)
    parts.push(
      `  <line class="grid" x1="${at}" y1="${top}" x2="${at}" y2="${bottom}"/>`,
      `  <text class="faint" x="${at}" y="${bottom + 16}" text-anchor="middle">${short(nodes)}</text>`,
    )
  }
  parts.push(
    `  <text class="faint" x="${left + width / 2}" y="${bottom + 32}" text-anchor="middle">nodes</text>`,
  )
  const line = (kind: string, users: number, messagesOf: (cluster: Cluster) => number) => {
    const points = nodeCounts()
      .map((nodes) => [x(nodes), messagesOf(clusterOf(users, nodes))] as const)
      // A log axis has no zero: one node sends nothing.
      .filter(([, messages]) => messages >= 10 ** LOW && messages <= 10 ** HIGH)
      .map(([at, messages]) => `${at.toFixed(1)},${y(messages).toFixed(1)}`)
    parts.push(`  <polyline class="${kind}" points="${points.join(' ')}"/>`)
  }
  for (const users of USERS) {
    line('global', users, panel.global)
    line('ours', users, panel.ours)
    const end = y(panel.ours(clusterOf(users, NODES_MAX)))
    parts.push(
      `  <text class="faint" x="${left + width + 6}" y="${(end + 4).toFixed(1)}">${short(users)} users</text>`,
    )
  }
  return parts.join('\n')
}

/** Log steps from 1 to the most, with the first few nodes one by one, where most changes. */
function nodeCounts(): number[] {
  const steps = Array.from({ length: STEPS * Math.log10(NODES_MAX) + 1 }, (_, n) => 10 ** (n / STEPS))
  return [...new Set([1, 2, 3, 4, 5, ...steps.map(Math.round)])].sort((a, b) => a - b)
}

/** 1000 as `1k`, 0.01 as it is. */
export function short(value: number): string {
  for (const [unit, letter] of [
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (value >= unit) return `${Number((value / unit).toPrecision(3))}${letter}`
  }
  return String(Number(value.toPrecision(3)))
}
