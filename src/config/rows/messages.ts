/** Messages, and who may have any. */
import { choice } from '../kinds.js'

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
}
