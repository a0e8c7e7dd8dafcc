/** People chat over two nodes while a later release migrates their database. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { MysqlDatabase } from '../../src/store/sql/mysql/mysql-database.js'
import { stateOf } from '../../src/store/sql/schema/migrate.js'
import { migrateTo } from '../store/sql/schema-suite.js'
import { versionOf } from '../store/sql/schema-versions.js'
import { MARIADB_MISSING, mysqlUrlOf, startMariadb } from '../support/mariadb-server.js'
import { startRedis } from '../support/redis.js'
import { heard, messageNode, newestSeqs, textMessage, textsPushed } from './chat.js'

t.test('an upgrade of the database', { skip: MARIADB_MISSING ?? false }, async (t) => {
  const [redis, mariadb] = await Promise.all([startRedis(), startMariadb()])
  t.teardown(() => Promise.all([redis.stop(), mariadb.stop()]))
  const env = { REDIS_URL: redis.url, DATABASE_URL: mysqlUrlOf(mariadb.address) }
  const database = await MysqlDatabase.open({
    address: mariadb.address,
    writersMax: 2,
    readersMax: 2,
    statementMs: 5_000,
  })
  t.teardown(() => database.close())

  t.test('two nodes that start at once make the tables once, and chat while they are changed', async (t) => {
    const [a, b] = await Promise.all([messageNode(t, env), messageNode(t, env)])
    t.match(await stateOf(database), { version: versionOf(1), holder: '' })
    const ann = await a.login('ann', Platform.Web)
    const bob = await b.login('bob', Platform.Web)
    await newestSeqs(bob, 'bob')
    let isMigrated = false
    const migrating = migrateTo(database, 2).then(() => {
      isMigrated = true
    })
    const texts: string[] = []
    for (let rest = 20; rest > 0; rest -= isMigrated ? 1 : 0) {
      texts.push(`${texts.length}`)
      await ann.send(textMessage('ann', 'bob', texts.at(-1)!))
    }
    await migrating
    await heard(bob, texts.length)
    t.same(textsPushed(bob, 'si_ann_bob'), texts)
    // One that starts on the newer schema serves as well.
    const c = await messageNode(t, env)
    const cleo = await c.login('cleo', Platform.Web)
    await cleo.send(textMessage('cleo', 'bob', 'hello'))
    await heard(bob, texts.length + 1)
  })

  t.test('nodes that the schema is too new for do not start, and those that run go on', async (t) => {
    const node = await messageNode(t, env)
    const ann = await node.login('ann', Platform.Web)
    await migrateTo(database, 3)
    await ann.send(textMessage('ann', 'bob', 'still here'))
    await t.rejects(messageNode(t, env), { code: 'SCHEMA_TOO_NEW' })
  })
})
