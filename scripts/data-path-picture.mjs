// The picture of the way of a login, docs/data-path.svg: its boxes and arrows stand on the headers of the actors and on
// the messages of src/protocol/. Throws where the code has no such actor, message or way.
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'

const ROOT = new URL('../', import.meta.url)
const TITLE = 'The way of a login, from a socket on node A to a watcher on node B'

/** Each row goes from the sockets to the store, or back: an actor, and by which message the next one hears of it. */
const ON_A = [
  { actor: 'connection', says: 'connected' },
  { actor: 'presence-shard', says: 'assert' },
  { actor: 'presence-sync', label: 'one script' },
]
const ON_B = [
  { actor: 'presence-sync', says: 'changes' },
  { actor: 'presence-shard', says: 'statuses' },
  { actor: 'fan-out', label: 'only if B watches', goesOn: ' → sockets' },
]
const STORE = ['Redis', 'claims, union,', 'watches,', 'node channels']

const [WIDTH, HEIGHT] = [880, 330]
const COLUMNS = [10, 260, 510]
const [ROW_A, ROW_B] = [34, 200]
const [BOX, ACTOR] = [
  { width: 190, height: 96 },
  { width: 162, height: 44 },
]
const STORE_X = 756

export function dataPathPicture() {
  const actors = readActors()
  check(actors, ON_A)
  check(actors, ON_B)
  const backwards = [...ON_B].reverse()
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="13">`,
    `  <title>${TITLE}</title>`,
    STYLE,
    `  <rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `  <text x="10" y="22" font-weight="600">node A: ann logs in</text>`,
    `  <text x="10" y="${HEIGHT - 8}" font-weight="600">node B: bob watches ann</text>`,
    ...ON_A.map((hop, at) => box(actors, hop, COLUMNS[at], ROW_A, 16, 32)),
    store(),
    ...backwards.map((hop, at) => box(actors, hop, COLUMNS[at], ROW_B, 88, 20)),
    ...ON_A.map((hop, at) =>
      arrow(`M${COLUMNS[at] + 176} 88 ${at < 2 ? `H${COLUMNS[at + 1] + 14}` : 'H780 V110'}`, at, 80, hop),
    ),
    arrow('M780 220 V242 H686', 2, 260, ON_B[2]),
    ...backwards
      .slice(1)
      .map((_, at) =>
        arrow(`M${COLUMNS[at + 1] + 14} 242 H${COLUMNS[at] + 176}`, at, 234, backwards[at + 1]),
      ),
    '</svg>',
  ].join('\n')}\n`
}

/** Of each actor its thread, and the protocols of those that it tells. */
function readActors() {
  const actors = new Map()
  for (const path of readdirSync(new URL('actors/', ROOT), { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue
    const text = readFileSync(new URL(`actors/${path}`, ROOT), 'utf8')
    if (!/defineActor[<(]/.test(text)) continue
    const [header] = /^\/\*\*[\s\S]*?\*\//.exec(text)
    const [, thread] = /Thread +(\w+)/.exec(header)
    actors.set(basename(path, '.ts'), { thread, tells: header.slice(header.indexOf('Tells')) })
  }
  return actors
}

function check(actors, way) {
  way.forEach(({ actor, says }, at) => {
    if (!actors.has(actor)) throw new Error(`${TITLE}: there is no actor ${actor}`)
    const next = way[at + 1]?.actor
    if (next === undefined) return
    const protocol = next.replace(/(^|-)(.)/g, (_, _dash, letter) => letter.toUpperCase())
    if (!actors.get(actor).tells.includes(`${protocol}.Command`))
      throw new Error(`${TITLE}: ${actor} does not tell ${next}`)
    const messages = readFileSync(new URL(`src/protocol/${next}.ts`, ROOT), 'utf8')
    if (!messages.includes(`kind: '${says}'`)) throw new Error(`${TITLE}: ${next} hears no ${says}`)
  })
}

function box(actors, { actor, goesOn = '' }, x, y, nameY, actorY) {
  const [centre, middle] = [x + BOX.width / 2, y + actorY + 27]
  return [
    `  <rect class="thread" x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/>`,
    `  <text class="name" x="${x + 10}" y="${y + nameY}">${actors.get(actor).thread} thread</text>`,
    `  <rect class="actor" x="${x + 14}" y="${y + actorY}" width="${ACTOR.width}" height="${ACTOR.height}" rx="4"/>`,
    `  <text x="${centre}" y="${middle}" text-anchor="middle">${actor}${goesOn}</text>`,
  ].join('\n')
}

/** `at`: the gap after which column. */
function arrow(path, at, y, { says, label = says }) {
  const x = at < 2 ? (COLUMNS[at] + 176 + COLUMNS[at + 1] + 14) / 2 : 738
  return `  <path class="way" d="${path}"/><text class="label" x="${x}" y="${y}" text-anchor="middle">${label}</text>`
}

function store() {
  const [name, ...holds] = STORE
  return [
    `  <rect class="store" x="${STORE_X}" y="110" width="114" height="110" rx="6"/>`,
    `  <text x="${STORE_X + 57}" y="146" text-anchor="middle" font-weight="600">${name}</text>`,
    ...holds.map(
      (text, at) =>
        `  <text class="label" x="${STORE_X + 57}" y="${166 + 16 * at}" text-anchor="middle">${text}</text>`,
    ),
  ].join('\n')
}

const STYLE = `  <defs>
    <marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
      <path d="M0 0 L8 4 L0 8 z" fill="#334155"/>
    </marker>
    <style>
      .thread { fill: #f8fafc; stroke: #94a3b8; }
      .actor { fill: #fff; stroke: #334155; }
      .store { fill: #fff7ed; stroke: #c2410c; }
      .name { fill: #64748b; font-size: 11px; }
      .way { stroke: #334155; fill: none; marker-end: url(#a); }
      text { fill: #0f172a; }
      .label { font-size: 11px; fill: #475569; }
    </style>
  </defs>`
