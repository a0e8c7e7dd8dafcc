import { readFileSync } from 'node:fs'
import t from 'tap'
import { LUA_MUTATIONS } from '../store/twins/lua-mutations.js'
import { MESSAGE_MUTATIONS } from './messages/mutations.js'
import { MUTATIONS } from './mutations.js'

/** Run from what the sources were compiled to. */
const ROOT = new URL('../../../', import.meta.url)

t.test('each mutation has its one place in the code of today', async (t) => {
  for (const { name, file, find } of [...MUTATIONS, ...MESSAGE_MUTATIONS, ...LUA_MUTATIONS]) {
    const count = readFileSync(new URL(file, ROOT), 'utf8').split(find).length - 1
    t.equal(count, 1, `${name}: in ${file}`)
  }
})
