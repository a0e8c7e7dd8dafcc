/** Messages, and who may have any. */

import { parseMysqlUrl } from '../../net/mysql-url.js'
import { choice, int, path, serverUrl } from '../kinds.js'

export const messagesSettings = {
  messages: choice({
    env: 'MESSAGES',
    default: 'auto',
    choices: ['auto', 'on', 'off'],
    doc:
      'Whether messages are served. `auto`: where DATABASE_URL is set, and with the embedded store, which keeps them in ' +
      'DATA_DIR; other nodes on Redis serve presence alone.',
  }),
  databaseUrl: serverUrl({
    env: 'DATABASE_URL',
    parse: parseMysqlUrl,
    expected: '`mysql://user:password@host[:port]/database[?tls=true]`',
    doc:
      'The database of messages, where several nodes share one: MySQL 8 or MariaDB. With TLS also `tlsCaFile`, ' +
      '`tlsCertFile`, `tlsKeyFile` and `tlsServerName` as parameters.',
  }),
  databaseReaders: int({
    env: 'DATABASE_READERS',
    default: 4,
    min: 1,
    max: 256,
    doc: 'Connections of this node that read the database of DATABASE_URL; one more writes.',
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
  wordFilterFile: path({
    env: 'WORD_FILTER_FILE',
    doc:
      'Words that are not wanted in the texts of users: a file in UTF-8, one word a line, at most 100,000; lines that begin ' +
      'with # are comments. A word counts also inside a longer one, whatever its case. Read again when it changes. Messages ' +
      'of administrators, and over REST, are not looked at.',
  }),
  wordFilter: choice({
    env: 'WORD_FILTER',
    default: 'mask',
    choices: ['mask', 'refuse'],
    doc:
      'What becomes of a message that holds such a word. `mask`: each of its characters becomes an asterisk. `refuse`: the ' +
      'message is not sent (error 80000).',
  }),
  retentionDays: int({
    env: 'RETENTION_DAYS',
    default: 0,
    min: 0,
    max: 36_500,
    doc:
      'Messages that are older are deleted, within a day; 0 = all are kept. With it go, whatever their age, messages of ' +
      'conversations that were cleared for all.',
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
