/** A database is tended when it has come, and what its tending finds counts. */
import t from 'tap'
import { GuardedDatabase } from '../../../src/store/sql/guarded-database.js'
import { until } from '../../support/redis.js'
import { DatabaseModel } from '../../world/database.js'

t.test('a database whose tending fails is away until it works', async (t) => {
  const model = new DatabaseModel()
  const faults: (string | undefined)[] = []
  let tends = 0
  let isFit = false
  const guarded = new GuardedDatabase(
    async () => model.connect(),
    (fault) => void faults.push(fault?.reason),
    {
      tend: async () => {
        tends++
        if (!isFit) throw new Error('too new')
      },
    },
  )
  t.teardown(() => guarded.close())
  await guarded.start()
  t.same(faults, ['too new'])
  await t.rejects(
    guarded.read(function* () {}),
    { code: 'DATABASE_UNAVAILABLE', message: 'too new' },
  )
  await until('it was looked for again', () => tends > 1)
  t.same(faults, ['too new'], 'it does not come and go')
  isFit = true
  await until('it is back', () => faults.length === 2)
  t.same(faults, ['too new', undefined])
  await t.resolves(guarded.read(function* () {}))
})
