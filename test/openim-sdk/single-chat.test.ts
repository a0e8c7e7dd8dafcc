/** Chats with `@openim/client-sdk` on one node with its embedded database. */
import t from 'tap'
import { chatWithJs } from './js-chat.js'
import { startServer } from './server.js'

chatWithJs(t, [await startServer(t)])
