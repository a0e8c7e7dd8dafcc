/** The entry of every process of a crowd: it plays one role, and does what it is told, one order after another. */
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
// Whoever started the crowd has gone.
process.on('disconnect', () => process.exit(0))
