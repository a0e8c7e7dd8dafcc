/** What the message-reader hears: operations that only read the database. */
import type { Call } from './operations.js'

export type Command = Call
