/** Who may watch which users, and how many. */
import { choice, int, WORKED_OUT } from '../kinds.js'

export const watchesSettings = {
  watchPolicy: choice({
    env: 'WATCH_POLICY',
    default: 'open',
    choices: ['open', 'admin'],
    doc:
      'Who may ask where other users are, over the WebSocket port (2005) and over REST. `open`, as in OpenIM: everybody with ' +
      'a token. `admin`: only administrators; users see themselves alone, and all others as offline.',
  }),
  watchesPerConnectionMax: int({
    env: 'WATCHES_PER_CONNECTION_MAX',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    doc: 'Users that one connection may watch, and that one request may list (error 1611 above).',
  }),
  newWatchesPerMin: int({
    env: 'NEW_WATCHES_PER_MIN',
    default: 20_000,
    min: 1,
    max: 10_000_000,
    doc: 'Users that one connection may begin to watch within a minute (error 1610 above).',
  }),
  newWatchesPerMinPerUser: int({
    env: 'NEW_WATCHES_PER_MIN_PER_USER',
    default: 60_000,
    min: 1,
    max: 10_000_000,
    doc: 'The same for one user, over all their connections to this node.',
  }),
  watchesWaitingMax: int({
    env: 'WATCHES_WAITING_MAX',
    default: 100_000,
    min: 1,
    max: 10_000_000,
    doc:
      'Users on one io thread whose first answer from the store is awaited; requests for more are told to retry ' +
      '(error 1610).',
  }),
  watchedUsersMax: int({
    env: 'WATCHED_USERS_MAX',
    defaultDoc: '512 for each MiB of THREAD_HEAP_MB, on each thread with shards',
    absent: WORKED_OUT,
    min: 1,
    max: 1_000_000_000,
    doc:
      'Different users that this node watches, with those whose watchers left within 10 s; requests for more are ' +
      'refused (error 1611). Each takes about 1 KiB of heap.',
  }),
}
