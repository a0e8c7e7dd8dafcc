/** What errors of a server mean that no server of the tests can be brought to. */
import t from 'tap'
import { failureOf } from '../../../src/store/sql/mysql/failures.js'

const serverError = (code: string, errno: number) => Object.assign(new Error(code), { code, errno })

t.test('what the server has undone is begun again, also when it was undone in its commit', async (t) => {
  const conflicts: [string, number][] = [
    ['ER_LOCK_WAIT_TIMEOUT', 1205],
    ['ER_LOCK_DEADLOCK', 1213],
    ['ER_CHECKREAD', 1020],
    ['ER_TRANSACTION_ROLLBACK_DURING_COMMIT', 3101],
  ]
  for (const [code, errno] of conflicts) {
    for (const isCommitSent of [false, true])
      t.match(failureOf(serverError(code, errno), isCommitSent), {
        error: { code: 'DATABASE_CONFLICT' },
        isRepeatable: true,
        isConnectionLost: false,
      })
  }
})

t.test('another server is asked in place of one that does not write', async (t) => {
  const refusals: [string, number][] = [
    ['ER_UNKNOWN_COM_ERROR', 1047],
    ['ER_OPTION_PREVENTS_STATEMENT', 1290],
    ['ER_READ_ONLY_MODE', 1836],
  ]
  for (const [code, errno] of refusals)
    t.match(failureOf(serverError(code, errno), false), { isRepeatable: true, isConnectionLost: true })
})

t.test('a commit in which a server left its cluster may have been done', async (t) => {
  t.match(failureOf(serverError('ER_UNKNOWN_COM_ERROR', 1047), true), {
    error: { code: 'COMMIT_UNKNOWN' },
    isRepeatable: false,
  })
})

t.test('a commit that was killed, or whose server was shut down, may have been done', async (t) => {
  for (const [code, errno, isEnd] of [
    ['ER_SERVER_SHUTDOWN', 1053, true],
    ['ER_CONNECTION_KILLED', 1927, true],
    ['ER_QUERY_INTERRUPTED', 1317, false],
    ['ER_ERROR_DURING_COMMIT', 1180, false],
  ] as const) {
    t.match(failureOf(serverError(code, errno), true), {
      error: { code: 'COMMIT_UNKNOWN' },
      isRepeatable: false,
    })
    t.match(failureOf(serverError(code, errno), false), {
      error: { code: 'DATABASE_UNAVAILABLE' },
      isRepeatable: isEnd,
      isConnectionLost: isEnd,
    })
  }
})

t.test('a value that does not fit is the fault of its row, not of the database', async (t) => {
  const tooLong = Object.assign(serverError('ER_DATA_TOO_LONG', 1406), { sqlState: '22001' })
  t.match(failureOf(tooLong, false), { error: { code: 'ROW_REFUSED' }, isConnectionLost: false })
  const tooLarge = serverError('ER_NET_PACKET_TOO_LARGE', 1153)
  t.match(failureOf(tooLarge, false), { error: { code: 'ROW_REFUSED' }, isConnectionLost: true })
})

t.test('any other error of the server is told, and its connection kept', async (t) => {
  t.match(failureOf(serverError('ER_RECORD_FILE_FULL', 1114), false), {
    error: { code: 'DATABASE_UNAVAILABLE', message: /ER_RECORD_FILE_FULL/ },
    isRepeatable: false,
    isConnectionLost: false,
  })
})
