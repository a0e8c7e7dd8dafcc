/** Messages, and who may have any. */
import { choice, int } from '../kinds.js'

export const messagesSettings = {
  messages: choice({
    env: 'MESSAGES',
    default: 'auto',
    choices: ['auto', 'on', 'off'],
    doc:
      'Whether messages are served. `auto`: with the embedded store, which keeps them in DATA_DIR; nodes on Redis serve ' +
      'presence alone.',
  }),
  users: choice({
    env: 'USERS',
    default: 'auto',
    choices: ['auto', 'open', 'registered'],
    doc:
      'Who counts as a user where messages are served. `open`: a user is registered with their first token. `registered`: ' +
      'an administrator registers them first. `auto`: `open` in development mode, otherwise `registered`.',
  }),
  sendsPerMinPerUser: int({
    env: 'SENDS_PER_MIN_PER_USER',
    default: 3_000,
    min: 1,
    max: 10_000_000,
    doc:
      'Messages that one user may send in a minute, over all their connections to this node (error 1610). ' +
      'Administrators: without bound.',
  }),
  revokeLimitS: int({
    env: 'REVOKE_LIMIT_S',
    default: 0,
    min: 0,
    max: 10 * 365 * 86_400,
    doc: 'How long after it was sent a user may revoke a message; 0 = always. Administrators always may.',
  }),
  deleteForAll: choice({
    env: 'DELETE_FOR_ALL',
    default: 'sender',
    choices: ['sender', 'anyone', 'nobody'],
    doc:
      'Who may delete a message, or clear a conversation, for all who have it: its `sender` (and nobody clears), `anyone` ' +
      'in the conversation, or `nobody`. Administrators always may.',
  }),
}
