/** Messages are timed by the clock of their database, not by those of the nodes. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { MARIADB_MISSING, mysqlUrlOf, startMariadb } from '../support/mariadb-server.js'
import { heard, messageNode, newestSeqs, textMessage } from './chat.js'

const HOUR_MS = 3_600_000

t.test('with a database that is an hour ahead', { skip: MARIADB_MISSING ?? false }, async (t) => {
  const mariadb = await startMariadb()
  t.teardown(() => mariadb.stop())
  // For each connection its clock stands still at what it was when it connected.
  await mariadb.query(`SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() + 3600'`)
  const node = await messageNode(t, { DATABASE_URL: mysqlUrlOf(mariadb.address) })
  const ann = await node.login('ann', Platform.Web)
  const bob = await node.login('bob', Platform.Web)
  await newestSeqs(bob, 'bob')
  const times: number[] = []
  for (const text of ['1', '2', '3']) times.push((await ann.send(textMessage('ann', 'bob', text))).sendTime)
  for (const time of times) t.ok(Math.abs(time - Date.now() - HOUR_MS) < 60_000, `${time - Date.now()}`)
  t.ok(times[0]! < times[1]! && times[1]! < times[2]!)
  t.same(
    (await heard(bob, 3)).map(({ message }) => message.sendTime),
    times,
  )
  const offsetS = await node.metric('porchlight_database_clock_offset_seconds')
  t.ok(Math.abs(offsetS - HOUR_MS / 1_000) < 60, `${offsetS}`)
})
