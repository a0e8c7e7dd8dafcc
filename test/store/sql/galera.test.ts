/** A Galera cluster: what one server has answered is read on the others, at once. */
import t from 'tap'
import { findOne, put } from '../../../src/store/ports/steps.js'
import { MysqlDatabase } from '../../../src/store/sql/mysql/mysql-database.js'
import { GALERA_MISSING, startGalera } from '../../support/galera.js'
import { counters } from './things.js'

const ROUNDS = 300

t.test('a row is read on each server as soon as it is written on one', async (t) => {
  if (GALERA_MISSING !== undefined) return t.pass(`skipped: ${GALERA_MISSING}`)
  const servers = await startGalera(t)
  const [writer, ...readers] = await Promise.all(
    servers.map(({ address }) =>
      MysqlDatabase.open({ address, writersMax: 1, readersMax: 1, statementMs: 10_000 }),
    ),
  )
  for (const database of [writer!, ...readers]) t.teardown(() => database.close())
  await writer!.change({ kind: 'makeTable', table: counters })
  const stale: number[] = []
  for (let total = 1; total <= ROUNDS; total++) {
    await writer!.write(() => put(counters, [{ bucket: 1, total, seen: 0 }]))
    const seen = await Promise.all(readers.map((one) => one.read(() => findOne(counters, 1))))
    if (seen.some((row) => row?.total !== total)) stale.push(total)
  }
  t.same(stale, [])
})
