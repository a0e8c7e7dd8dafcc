/** The house rules that a machine can check: who may import whom, and what stands at the top of a script. */
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Rooms from the top of the house down. A room may import those that it names, and itself. `types` after a name:
 * type-only imports, which leave no trace at run time.
 */
const ROOMS: { room: string; mayImport: string[] }[] = [
  { room: 'src/main.ts', mayImport: ['src/process'] },
  {
    room: 'src/process',
    mayImport: [
      'src/supervisor.ts',
      'src/config.ts',
      'src/given-values.ts types',
      'src/auth',
      'src/gateway/transport',
      'src/net',
      'src/observe',
      'src/threads/tls.ts',
      'src/errors.ts',
    ],
  },
  {
    room: 'src/supervisor.ts',
    mayImport: [
      'src/threads',
      'src/runtime',
      'src/config.ts',
      'src/gateway',
      'src/health',
      'src/net',
      'src/observe',
    ],
  },
  {
    room: 'src/threads',
    mayImport: [
      'actors',
      'src/api',
      'src/auth',
      'src/config.ts',
      'src/gateway',
      'src/health',
      'src/net',
      'src/observe',
      'src/presence',
      'src/protocol',
      'src/redis-url.ts',
      'src/runtime',
      'src/store',
    ],
  },
  {
    room: 'actors',
    mayImport: [
      'src/auth',
      'src/gateway',
      'src/health types',
      'src/net types',
      'src/presence',
      'src/protocol',
      'src/runtime',
      'src/errors.ts',
      'src/store/presence-store.ts types',
    ],
  },
  {
    room: 'src/api',
    mayImport: [
      'src/auth',
      'src/gateway/wire-errors.ts',
      'src/health types',
      'src/net',
      'src/presence',
      'src/store/presence-store.ts types',
    ],
  },
  {
    room: 'src/auth',
    mayImport: [
      'src/gateway/wire-errors.ts',
      'src/presence',
      'src/errors.ts',
      'src/file-stamp.ts',
      'src/setting-kinds.ts',
      'src/store/presence-store.ts types',
    ],
  },
  { room: 'src/client', mayImport: ['src/gateway', 'src/presence', 'src/errors.ts'] },
  {
    room: 'src/gateway',
    mayImport: ['src/protocol', 'src/net', 'src/presence', 'src/runtime types', 'src/errors.ts'],
  },
  { room: 'src/store/presence-store.ts', mayImport: ['src/presence types'] },
  { room: 'src/store', mayImport: ['src/presence', 'src/errors.ts', 'src/redis-url.ts'] },
  { room: 'src/health', mayImport: ['src/errors.ts'] },
  { room: 'src/observe', mayImport: ['src/runtime types'] },
  {
    room: 'src/protocol',
    mayImport: ['src/presence', 'src/runtime', 'src/store/presence-store.ts types'],
  },
  {
    room: 'src/config.ts',
    mayImport: [
      'src/given-values.ts',
      'src/settings.ts',
      'src/redis-settings.ts',
      'src/setting-kinds.ts',
      'src/presence',
      'src/errors.ts',
    ],
  },
  { room: 'src/given-values.ts', mayImport: ['src/setting-kinds.ts types'] },
  { room: 'src/settings.ts', mayImport: ['src/redis-settings.ts', 'src/setting-kinds.ts', 'src/presence'] },
  {
    room: 'src/redis-settings.ts',
    mayImport: ['src/setting-kinds.ts', 'src/redis-url.ts', 'src/config.ts types'],
  },
  { room: 'src/redis-url.ts', mayImport: [] },
  { room: 'src/setting-kinds.ts', mayImport: ['src/net', 'src/presence'] },
  { room: 'src/net', mayImport: ['src/errors.ts', 'src/file-stamp.ts'] },
  { room: 'src/errors.ts', mayImport: [] },
  { room: 'src/file-stamp.ts', mayImport: [] },
  { room: 'src/presence', mayImport: [] },
  { room: 'src/runtime', mayImport: [] },
]

interface Import {
  from: string
  to: string
  isType: boolean
}

async function sources(): Promise<string[]> {
  const files = await Promise.all(
    ['src', 'actors'].map((dir) => readdir(join(ROOT, dir), { recursive: true })),
  )
  return ['src', 'actors'].flatMap((dir, at) =>
    files[at]!.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts')).map((file) =>
      join(dir, file),
    ),
  )
}

async function imports(): Promise<Import[]> {
  const found: Import[] = []
  for (const from of await sources()) {
    const text = await readFile(join(ROOT, from), 'utf8')
    for (const [statement, path] of text.matchAll(/^(?:import|export)\s[^;']*?from '(\.[^']+)'/gms)) {
      const to = normalize(join(dirname(from), path!)).replace(/\.js$/, '.ts')
      found.push({ from, to, isType: isTypeOnly(statement) })
    }
  }
  return found
}

/** `import type ...`, or only `type` names between the braces. */
function isTypeOnly(statement: string): boolean {
  if (/^(import|export) type\s/.test(statement)) return true
  const names = /\{([^}]*)\}/.exec(statement)?.[1]?.split(',') ?? []
  const given = names.map((name) => name.trim()).filter((name) => name !== '')
  return given.length > 0 && given.every((name) => name.startsWith('type '))
}

const isIn = (file: string, room: string) => file === room || file.startsWith(`${room}/`)

t.test('imports run one way, from the actors down to the rules', async (t) => {
  const all = await imports()
  t.ok(all.length > 100, `${all.length} imports were read`)
  const wrong = all.filter(({ from, to, isType }) => {
    const { room, mayImport } = ROOMS.find((candidate) => isIn(from, candidate.room))!
    const allowed = [room, ...mayImport].some((entry) => {
      const [place, types] = entry.split(' ')
      return isIn(to, place!) && (types === undefined || isType)
    })
    return !allowed
  })
  t.same(wrong, [])
})

t.test('presence asks for no clock, no chance and no input of its own', async (t) => {
  for (const file of (await sources()).filter((source) => isIn(source, 'src/presence'))) {
    const text = await readFile(join(ROOT, file), 'utf8')
    // A hash of what it is given is no input.
    const rest = text.replace("import { createHash } from 'node:crypto'", '')
    t.notMatch(rest, /Date\.now|performance\.|Math\.random|setTimeout|setInterval|from 'node:/, file)
  }
})

t.test('only the entry reads the environment, and only the settings its values', async (t) => {
  for (const file of await sources()) {
    const text = await readFile(join(ROOT, file), 'utf8')
    // uWebSockets.js can be told one of its limits in no other way than by a variable of its own.
    const read = text.replace('process.env.UWS_HTTP_MAX_HEADERS_SIZE ??=', '')
    if (file !== 'src/main.ts') t.notMatch(read, /process\.env/, file)
  }
})

t.test('each edge is imported by its own thread role only', async (t) => {
  const edges = [
    { edge: 'src/store/redis', roles: ['src/threads/sync.ts', 'src/threads/redis-options.ts'] },
    { edge: 'src/store/memory', roles: ['src/threads/sync.ts'] },
    {
      edge: 'src/gateway/transport',
      roles: [
        'src/process/check.ts',
        'src/supervisor.ts',
        'src/threads/io.ts',
        'actors/connection',
        'actors/fan-out.ts',
        'actors/listener.ts',
      ],
    },
    { edge: 'src/api', roles: ['src/threads/api.ts', 'src/threads/audit-trail.ts'] },
  ]
  const all = await imports()
  for (const { edge, roles } of edges) {
    const strangers = all.filter(
      ({ from, to }) => isIn(to, edge) && !isIn(from, edge) && !roles.some((role) => isIn(from, role)),
    )
    t.same(strangers, [], edge)
  }
})
