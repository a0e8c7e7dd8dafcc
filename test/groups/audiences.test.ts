/** Who of a group is connected to a thread, whatever order its news come in. */
import fc from 'fast-check'
import t from 'tap'
import { Audiences } from '../../src/rules/messages/audiences.js'

const G = 'group'

t.test('members who are here are known from their logins, and from news', async (t) => {
  const here = new Set(['ann', 'bob', 'cid'])
  const audiences = new Audiences((userId) => here.has(userId))
  audiences.enter('ann', [{ groupId: G, epoch: 5 }])
  t.same([...audiences.membersFor({ groupId: G, epoch: 5 })!], ['ann'])
  const change = { since: 5, entered: ['bob', 'dan'], left: [] }
  t.same([...audiences.membersFor({ groupId: G, epoch: 6, change })!], ['ann', 'bob'])
  t.notOk(audiences.knows('bob'), 'of whose other groups nothing is known yet')
  t.equal(audiences.membersFor({ groupId: G, epoch: 8 }), undefined, 'news are missing')
  t.equal(audiences.sinceOf(G), 6)
  audiences.learn(G, { epoch: 8, changes: [{ userId: 'ann', isMember: false }], all: [] })
  t.same([...audiences.membersFor({ groupId: G, epoch: 8 })!], ['bob'])
  audiences.exit('bob')
  t.equal(audiences.size, 0)
})

/** A history of one group, and a thread that hears some of it, in any order, and asks where it has to. */
t.test('a thread that may ask pushes each message to exactly the members who are here', async () => {
  const users = ['ann', 'bob', 'cid']
  const step = fc.record({ user: fc.constantFrom(...users), isHeard: fc.boolean(), asks: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(29), async (steps, loginAt) => {
      const audiences = new Audiences(() => true)
      const members = new Set<string>()
      const log: Set<string>[] = [new Set()]
      for (const [index, { user, isHeard, asks }] of steps.entries()) {
        if (index === loginAt)
          for (const one of users)
            audiences.enter(one, members.has(one) ? [{ groupId: G, epoch: log.length - 1 }] : [])
        const isIn = members.has(user)
        if (isIn) members.delete(user)
        else members.add(user)
        log.push(new Set(members))
        const epoch = log.length - 1
        const change = { since: epoch - 1, entered: isIn ? [] : [user], left: isIn ? [user] : [] }
        if (isHeard) audiences.membersFor({ groupId: G, epoch, change })
        if (index < loginAt || !asks) continue
        let told = audiences.membersFor({ groupId: G, epoch })
        if (told === undefined) {
          audiences.learn(G, { epoch, changes: undefined, all: [...members] })
          told = audiences.membersFor({ groupId: G, epoch })!
        }
        // Whoever came by news that were not heard is known once something is asked.
        for (const one of told) if (!members.has(one)) throw new Error(`${one} is no member`)
      }
    }),
    { numRuns: 500 },
  )
})
