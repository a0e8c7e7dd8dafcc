/** The entry of every process of a crowd: it plays one role, and carries out its orders, one after another. */
import { answer, fail } from './answer.js'
import type { RoleName } from './crowd-process.js'
import { type Obey, ROLES } from './roles.js'

const { obey } = (await ROLES[process.argv[2] as RoleName]()) as { obey: Obey<object, { verb: string }> }

process.on('message', async (order: object) => {
  try {
    const done = await obey(order)
    if (done !== undefined) answer(done)
  } catch (error) {
    fail((error as Error).message)
  }
})
process.on('uncaughtException', (error) => fail(error.stack ?? error.message))
// The process that started this one has ended.
process.on('disconnect', () => process.exit(0))
