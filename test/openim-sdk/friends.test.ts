/** Friends with `@openim/client-sdk` on one node with its embedded database. */
import t from 'tap'
import { befriendWithJs } from './js-friends.js'
import { startServer } from './server.js'

befriendWithJs(t, [await startServer(t)])
