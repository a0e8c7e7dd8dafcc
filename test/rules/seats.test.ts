import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { Rebuild } from '../../src/rules/shard/rebuild.js'
import { CONNECT_WAIT_MS, ROOM_WAIT_MS, Seats } from '../../src/rules/shard/seats.js'
import type { SeatOutcome } from '../../src/rules/types.js'
import { Decided, policyOf } from './shard-support.js'

const CALLER = { thread: 3, correlation: 17 }
const [HERE, B] = ['node-1#1', 'node-2#1'] as const
const LOGIN = { userId: 'ann', platformId: Platform.Android, token: 'tokentoken' }
const SEATING = { rivals: policyOf(1), rivalsYield: false, perUserMax: 2, perPlatformMax: 0 }
const FULL: SeatOutcome = { isTaken: false, reason: 'user', holders: [HERE, B] }

/** A login at the door, whose seat the store was asked for. */
function atTheDoor() {
  const decided = new Decided()
  const seats = new Seats(SEATING, 60_000, 0)
  seats.admit(LOGIN, CALLER, 0, decided.out)
  const [asked] = decided.takeOf('takeSeat')
  return { decided, seats, seat: asked!.request.seat, asked: asked! }
}

t.test('a seat is asked for with the rules that it has to fit', async (t) => {
  const { asked, seats, seat } = atTheDoor()
  t.match(asked, {
    onlyLiving: false,
    request: { ...LOGIN, token: undefined, rivals: [Platform.Android], perUserMax: 2 },
  })
  t.same(seats.pendingOf('ann'), { taken: [], asked: [seat] })
  t.same(seats.pendingOf('bob'), { taken: [], asked: [] })
})

t.test('a seat that was taken is kept until its login connects', async (t) => {
  const { decided, seats, seat } = atTheDoor()
  seats.answered(seat, { isTaken: true }, 1, decided.out)
  t.same(decided.take(), [
    { kind: 'answerLogin', caller: CALLER, seat },
    { kind: 'arm', due: { timer: 'seat', id: seat }, delayMs: CONNECT_WAIT_MS },
  ])
  t.same(seats.pendingOf('ann'), { taken: [seat], asked: [] })
  seats.connected(seat, decided.out)
  t.same(decided.take(), [{ kind: 'disarm', due: { timer: 'seat', id: seat } }])
  t.same(seats.pendingOf('ann'), { taken: [], asked: [] })
})

t.test('a seat is given back when its login does not come, or its client had gone', async (t) => {
  for (const how of ['due', 'released'] as const) {
    const { decided, seats, seat } = atTheDoor()
    seats.answered(seat, { isTaken: true }, 1, decided.out)
    decided.take()
    seats[how](seat, decided.out)
    t.match(decided.takeOf('assertSoon'), [{ userIds: ['ann'] }])
    t.same(seats.pendingOf('ann'), { taken: [], asked: [] })
  }
})

t.test(
  'nobody is refused before nodes that may be dead are left out, and a conflict is final then',
  async (t) => {
    const { decided, seats, seat } = atTheDoor()
    const conflict: SeatOutcome = { isTaken: false, reason: 'conflict', holders: [B] }
    seats.answered(seat, conflict, 1, decided.out)
    t.match(decided.take(), [{ kind: 'takeSeat', onlyLiving: true }])
    seats.answered(seat, conflict, 2, decided.out)
    t.match(decided.takeOf('answerLogin'), [{ caller: CALLER, seat, reason: 'conflict' }])
    seats.answered(seat, { isTaken: true }, 3, decided.out)
    t.same(decided.take(), [], 'it is gone')
  },
)

t.test(
  'at a cap the device is probed on each node once, and the seat asked for again when one made room',
  async (t) => {
    const { decided, seats, seat } = atTheDoor()
    seats.answered(seat, FULL, 1, decided.out)
    decided.take()
    seats.answered(seat, FULL, 2, decided.out)
    const { userId, token } = LOGIN
    t.same(decided.take(), [
      { kind: 'arm', due: { timer: 'seat', id: seat }, delayMs: ROOM_WAIT_MS - 2 },
      { kind: 'makeRoom', to: HERE, userId, token, seat },
      { kind: 'makeRoom', to: B, userId, token, seat },
    ])
    seats.roomMade(seat, HERE, 0, 3, decided.out)
    t.same(decided.take(), [], 'the other node has not answered')
    seats.roomMade(seat, B, 1, 4, decided.out)
    t.match(decided.take(), [{ kind: 'arm', delayMs: 50 }])
    seats.due(seat, decided.out)
    t.match(decided.take(), [{ kind: 'takeSeat', onlyLiving: true }])
    seats.answered(seat, FULL, 5, decided.out)
    t.match(decided.take(), [{ kind: 'arm', delayMs: 50 }], 'the store may not have heard of the room yet')
    seats.due(seat, decided.out)
    seats.answered(seat, FULL, 1_004, decided.out)
    t.match(decided.takeOf('answerLogin'), [{ reason: 'user' }], 'it has had the time')
  },
)

t.test('a login is refused when nobody made room', async (t) => {
  const { decided, seats, seat } = atTheDoor()
  seats.answered(seat, FULL, 1, decided.out)
  seats.answered(seat, FULL, 2, decided.out)
  for (const holder of [HERE, B]) seats.roomMade(seat, holder, 0, 3, decided.out)
  decided.take()
  seats.due(seat, decided.out)
  seats.answered(seat, FULL, 4, decided.out)
  t.match(decided.take(), [
    { kind: 'takeSeat' },
    { kind: 'answerLogin', reason: 'user' },
    { kind: 'disarm' },
    { kind: 'stopWaiting', waiter: { kind: 'login', seat } },
  ])
})

t.test('when the store does not answer, the seat that it may have given is asserted away', async (t) => {
  const { decided, seats, seat } = atTheDoor()
  t.equal(seats.failed(seat, decided.out), CALLER)
  t.match(decided.takeOf('assertSoon'), [{ userIds: ['ann'] }])
  t.equal(seats.failed(seat, decided.out), undefined)
  t.equal(new Seats(undefined, 60_000, 0).isInUse, false)
})

t.test(
  'a shard is rebuilt when every io thread and sync have answered, and asks the others again',
  async (t) => {
    const decided = new Decided()
    const rebuild = new Rebuild([0, 1])
    const again = { kind: 'arm', due: { timer: 'rebuild' } }
    rebuild.ask(decided.out)
    t.match(decided.take(), [{ kind: 'requestRebuildState', threads: [0, 1], needsHeld: true }, again])
    rebuild.announced(1, decided.out)
    const held = [{ userId: 'ann', platformIds: [Platform.Android] }]
    rebuild.heldBefore(held, decided.out)
    rebuild.heldBefore([], decided.out)
    rebuild.ask(decided.out)
    t.match(decided.take(), [{ kind: 'requestRebuildState', threads: [0], needsHeld: false }, again])
    t.equal(rebuild.isDone, false)
    rebuild.announced(0, decided.out)
    t.same(decided.take(), [
      { kind: 'disarm', due: { timer: 'rebuild' } },
      { kind: 'rebuilt', heldBefore: held },
    ])
    t.equal(rebuild.isDone, true)
    rebuild.announced(0, decided.out)
    rebuild.ask(decided.out)
    t.same(decided.take(), [])
  },
)
