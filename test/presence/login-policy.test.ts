import t from 'tap'
import { OPENIM_PLATFORMS } from '../../src/openim/platforms.js'
import { LoginPolicy } from '../../src/rules/logins/login-policy.js'
import { PlatformTable, parsePlatforms } from '../../src/rules/platforms.js'
import { PLATFORMS, POLICY_NUMBERS, removes } from '../logins/facts.js'

t.test('which platforms a login removes, for every policy and every pair of platforms', async (t) => {
  for (const number of POLICY_NUMBERS) {
    const policy = new LoginPolicy(number, new PlatformTable(OPENIM_PLATFORMS))
    for (const newcomer of PLATFORMS) {
      const expected = PLATFORMS.filter((existing) => removes(number, newcomer, existing))
      t.same(
        [...policy.removedBy(newcomer)].sort((a, b) => a - b),
        expected,
        `policy ${number}, ${newcomer}`,
      )
    }
  }
})

t.test(
  'two platforms conflict both ways or not at all, so that the order of two logins decides',
  async (t) => {
    for (const number of POLICY_NUMBERS) {
      const policy = new LoginPolicy(number, new PlatformTable(OPENIM_PLATFORMS))
      for (const a of PLATFORMS) {
        for (const b of PLATFORMS) t.equal(policy.removedBy(a).includes(b), policy.removedBy(b).includes(a))
      }
    }
  },
)

t.test("the operator's own platforms take part by their class", async (t) => {
  const platforms = new PlatformTable(
    OPENIM_PLATFORMS,
    parsePlatforms('12:Phone:Mobile,13:Desk:PC,14:Vision:Headset'),
  )
  const removedBy = (number: 1 | 4 | 5, id: number) => {
    const removed = new LoginPolicy(number, platforms).removedBy(id)
    return [12, 13, 14, 1, 3].filter((other) => removed.includes(other))
  }
  t.same(removedBy(1, 12), [12])
  t.same(removedBy(4, 12), [12, 1])
  t.same(removedBy(4, 3), [13, 3])
  t.same(removedBy(5, 14), [12, 14, 1])
  t.same(removedBy(5, 13), [])
})
