/** Groups with `@openim/client-sdk` on one node with its embedded database. */
import t from 'tap'
import { groupWithJs } from './js-groups.js'
import { startServer } from './server.js'

groupWithJs(t, [await startServer(t)])
