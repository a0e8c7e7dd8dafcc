// Who may import whom: the one table of the rooms, checked by `npm run lint`. Cycles of values are refused everywhere.
//
// Rooms from the top of the house down. A room may import itself and those that it names. `types` after a name: type-only
// imports, which leave no trace at run time.
export const ROOMS = [
  { room: 'src/main.ts', may: ['src/cli', 'src/files', 'src/node', 'src/store/memory'] },
  {
    room: 'src/cli',
    may: ['src/node', 'src/config', 'src/errors', 'src/files', 'src/doors/websocket/transport'],
  },
  {
    // The only room that builds engines and doors.
    room: 'src/node',
    may: [
      'actors',
      'src/auth',
      'src/config',
      'src/doors',
      'src/errors',
      'src/files',
      'src/health',
      'src/net',
      'src/observe',
      'src/openim',
      'src/protocol',
      'src/rules',
      'src/runtime',
      'src/services',
      'src/store',
    ],
  },
  {
    room: 'actors/io',
    may: [
      'src/auth',
      'src/doors/websocket',
      'src/net types',
      'src/openim',
      'src/protocol',
      'src/rules',
      'src/runtime',
      'src/services',
    ],
  },
  {
    // Where the operations of the services are carried out.
    room: 'actors/storage',
    may: [
      'src/errors',
      'src/openim',
      'src/protocol',
      'src/rules',
      'src/runtime',
      'src/services',
      'src/store/ports types',
    ],
  },
  { room: 'actors/shard', may: ['src/errors', 'src/protocol', 'src/rules', 'src/runtime'] },
  {
    room: 'actors/sync',
    may: [
      'src/auth',
      'src/errors',
      'src/health types',
      'src/protocol',
      'src/rules',
      'src/runtime',
      'src/store/ports types',
    ],
  },
  {
    room: 'src/doors/websocket',
    may: [
      'src/errors',
      'src/files',
      'src/net',
      'src/openim',
      'src/protocol types',
      'src/rules',
      'src/runtime types',
      'src/services types',
    ],
  },
  {
    room: 'src/doors/rest',
    may: ['src/auth', 'src/errors', 'src/health types', 'src/net', 'src/openim', 'src/rules', 'src/services'],
  },
  { room: 'src/doors/health', may: ['src/health types', 'src/net'] },
  {
    room: 'src/services',
    may: ['src/auth', 'src/errors', 'src/openim', 'src/rules', 'src/store/ports', 'src/store/schema'],
  },
  { room: 'src/auth', may: ['src/errors', 'src/files', 'src/openim', 'src/rules'] },
  { room: 'src/sdk', may: ['src/errors', 'src/openim', 'src/rules'] },
  {
    room: 'src/store/memory',
    may: [
      'src/errors',
      'src/files',
      'src/protocol/node types',
      'src/rules',
      'src/store/ports',
      'src/store/shared',
    ],
  },
  {
    room: 'src/store/redis',
    // Its node bus is where messages between nodes are packed and unpacked.
    may: ['src/errors', 'src/net', 'src/protocol/node', 'src/rules', 'src/store/ports', 'src/store/shared'],
  },
  {
    room: 'src/store/sql',
    may: ['src/errors', 'src/net types', 'src/rules', 'src/store/ports', 'src/store/schema'],
  },
  // Not types alone: tables, and the steps of operations on them.
  { room: 'src/store/schema', may: ['src/store/ports'] },
  { room: 'src/store/shared', may: ['src/protocol/node types', 'src/rules', 'src/store/ports types'] },
  { room: 'src/store/ports', may: ['src/protocol/node types', 'src/rules types'] },
  { room: 'src/protocol/node', may: ['src/rules'] },
  { room: 'src/protocol', may: ['src/rules', 'src/runtime'] },
  { room: 'src/config', may: ['src/errors', 'src/net', 'src/openim', 'src/rules'] },
  { room: 'src/health', may: ['src/errors'] },
  { room: 'src/observe', may: ['src/errors', 'src/runtime types'] },
  { room: 'src/net', may: ['src/errors', 'src/files'] },
  { room: 'src/files', may: ['src/errors'] },
  { room: 'src/openim', may: ['src/errors', 'src/rules types'] },
  { room: 'src/rules', may: [] },
  { room: 'src/errors', may: ['src/runtime/errors.ts'] },
  { room: 'src/runtime', may: [] },
]

/** What is built for one thread role only. */
const EDGES = [
  {
    edge: 'src/store/(memory|redis)',
    by: ['src/node/roles/sync.ts', 'src/node/redis-options.ts', 'src/main.ts'],
  },
  {
    edge: 'src/store/sql',
    by: ['src/node/message-database.ts', 'src/node/database-commands.ts', 'src/node/roles'],
  },
  {
    edge: 'src/doors/websocket/transport',
    by: ['src/cli/check.ts', 'src/node/supervisor.ts', 'src/node/roles/io.ts', 'actors/io'],
  },
  { edge: 'src/doors/rest', by: ['src/node/roles/api.ts', 'src/node/audit-trail.ts'] },
]

const within = (place) => (place.endsWith('.ts') ? `^${place}$` : `^${place}/`)

/** Two rules for a room: what it may import at all, and what at run time. */
function rulesOf({ room, may }) {
  const places = may.map((entry) => entry.split(' '))
  const all = [room, ...places.map(([place]) => place)]
  const values = [room, ...places.filter(([, types]) => types === undefined).map(([place]) => place)]
  return [
    { name: `imports of ${room}`, severity: 'error', from: { path: within(room) }, to: outside(all) },
    {
      name: `imports of ${room} at run time`,
      severity: 'error',
      from: { path: within(room) },
      to: { ...outside(values), dependencyTypesNot: ['type-only'] },
    },
  ]
}

const outside = (places) => ({ path: '^(src|actors)/', pathNot: places.map(within) })

export default {
  forbidden: [
    ...ROOMS.flatMap(rulesOf),
    {
      name: 'each file has a room',
      severity: 'error',
      from: { path: '^(src|actors)/', pathNot: ROOMS.map(({ room }) => within(room)) },
      to: {},
    },
    {
      name: 'no cycles, not even of types',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...EDGES.map(({ edge, by }) => ({
      name: `${edge} is for its own role`,
      severity: 'error',
      from: { path: '^(src|actors)/', pathNot: [`^${edge}/`, ...by.map(within)] },
      to: { path: `^${edge}/` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.mts', '.js'] },
  },
}
