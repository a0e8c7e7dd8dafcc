import t from 'tap'
import { reasonOf } from '../../src/errors/reason.js'
import { inWords } from '../../src/health/reasons.js'

t.test('a failure of many is told by what each failed with', (t) => {
  const refused = Object.assign(new Error('connect ECONNREFUSED ::1:6379'), { code: 'ECONNREFUSED' })
  const nameless = new AggregateError([refused, new Error('connect ECONNREFUSED 127.0.0.1:6379')])
  t.equal(reasonOf(nameless), 'connect ECONNREFUSED ::1:6379; connect ECONNREFUSED 127.0.0.1:6379')
  t.equal(reasonOf(new AggregateError([refused], 'All promises were rejected')), refused.message)
  const misconf = new Error('MISCONF Redis is configured to save RDB snapshots')
  t.equal(reasonOf(new AggregateError([misconf, misconf], 'All promises were rejected')), misconf.message)
  const lastNodeError = new Error('WRONGPASS invalid username-password pair')
  const cluster = Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError })
  t.equal(reasonOf(cluster), lastNodeError.message)
  t.equal(reasonOf(new Error('not reached', { cause: refused })), `not reached; ${refused.message}`)
  t.equal(reasonOf(Object.assign(new Error(''), { code: 'ETIMEDOUT' })), 'ETIMEDOUT')
  t.equal(reasonOf('plain words'), 'plain words')
  t.equal(reasonOf(undefined), 'no reason was given')
  const round = new Error('round')
  round.cause = round
  t.equal(reasonOf(round), 'round')
  t.ok(reasonOf(new AggregateError(Array.from({ length: 50 }, (_, n) => new Error(`node ${n}`)))).length < 40)
  t.end()
})

t.test('a reason says what it means and what mends it, and keeps its own words', (t) => {
  t.match(
    inWords("READONLY You can't write against a read only replica."),
    /replica: is the address.*\(READONLY/,
  )
  t.match(inWords('getaddrinfo ENOTFOUND redis.invalid'), /not known \(DNS\)/)
  t.match(inWords('ENOSPC: no space left on device, write'), /the disk is full/)
  t.equal(inWords('something else'), 'something else')
  t.end()
})
