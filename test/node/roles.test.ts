import { existsSync } from 'node:fs'
import t from 'tap'
import { homeOf, linkedWith, threadKinds } from '../../src/node/layout.js'
import { ENDING_ORDER, ROLE_NAMES, ROLES } from '../../src/node/roles.js'

t.test(
  'every role that a row names has a row, and its file exports what the thread entry calls',
  async (t) => {
    for (const role of ROLE_NAMES) {
      const { talksTo, elseOn, load } = ROLES[role]
      for (const other of [...talksTo, ...(elseOn === undefined ? [] : [elseOn])]) {
        t.ok(ROLE_NAMES.includes(other), `${role} names ${other}`)
      }
      t.ok(existsSync(new URL(`../../src/node/roles/${role}.js`, import.meta.url)), role)
      t.type((await load()).prepare, 'function')
    }
  },
)

t.test('a role without threads of its own shares those of another, and their links', async (t) => {
  const together = { ioThreads: 2, shardThreads: 0, servesMessages: false }
  t.same(threadKinds(together), [
    { name: 'io', roles: ['io', 'shard'], count: 2 },
    { name: 'sync', roles: ['sync'], count: 1 },
    { name: 'api', roles: ['api'], count: 1 },
  ])
  t.equal(homeOf('shard', together)!.name, 'io')
  t.same(linkedWith(homeOf('api', together)!, together), ['sync', 'io'])
  const apart = { ioThreads: 1, shardThreads: 2, servesMessages: true }
  t.same(
    threadKinds(apart).map(({ name, count }) => `${name} ${count}`),
    ['io 1', 'shard 2', 'sync 1', 'writer 1', 'reader 1', 'api 1'],
  )
})

t.test('doors end first, and the store last', async (t) => {
  t.same(ENDING_ORDER, ['api', 'io', 'shard', 'sync', 'reader', 'writer'])
})
