/** Groups with `@openim/client-sdk` over two nodes, each device on the one that the device before is not on. */
import t from 'tap'
import { MARIADB_MISSING } from '../support/mariadb-server.js'
import { groupWithJs } from './js-groups.js'
import { startTwoNodes } from './server.js'

if (MARIADB_MISSING === undefined) groupWithJs(t, await startTwoNodes(t, 'single'))
else t.plan(0, MARIADB_MISSING)
