/** Chats and friends with `@openim/client-sdk` over two nodes, each device on the one that the device before is not on. */
import t from 'tap'
import { MARIADB_MISSING } from '../support/mariadb-server.js'
import { chatWithJs } from './js-chat.js'
import { befriendWithJs } from './js-friends.js'
import { startTwoNodes } from './server.js'

if (MARIADB_MISSING === undefined) {
  const servers = await startTwoNodes(t, 'single')
  chatWithJs(t, servers)
  befriendWithJs(t, servers)
} else t.plan(0, MARIADB_MISSING)
