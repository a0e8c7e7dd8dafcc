/** Seats of the embedded store: which connection of a user has a place, and until when. */
import { splitHolder } from '../../rules/cluster/holder.js'
import { deviceOfSeat, platformOfSeat } from '../../rules/logins/seat.js'
import type { HeldSeats, Holder, Seat, SeatOutcome, SeatRequest, UserId } from '../../rules/types.js'

interface Taken {
  seat: Seat
  holder: Holder
  expiresAtS: number
}

export class SeatRecords {
  readonly #seats = new Map<UserId, Taken[]>()

  /** `living`: seats of other holders are cleared; undefined = all count as living. */
  take(request: SeatRequest, holder: Holder, ttlS: number, nowS: number, living?: Holder[]): SeatOutcome {
    const { userId, seat, rivals, rivalsYield, perUserMax, perPlatformMax } = request
    const left = this.#living(userId, nowS).filter((taken) => living?.includes(taken.holder) ?? true)
    // Also when the seat is refused.
    this.#put(userId, left)
    const isOwn = (taken: Taken) => taken.holder === holder && taken.seat === seat
    const others = left.filter((taken) => !isOwn(taken))
    const isRival = (taken: Taken) =>
      rivals.includes(platformOfSeat(taken.seat)) && deviceOfSeat(taken.seat) !== deviceOfSeat(seat)
    const conflicts = rivalsYield ? [] : others.filter(isRival)
    if (conflicts.length > 0) return refusal('conflict', conflicts)
    const counted = others.filter((taken) => !rivalsYield || !isRival(taken))
    const onPlatform = counted.filter((taken) => platformOfSeat(taken.seat) === request.platformId)
    if (perPlatformMax > 0 && onPlatform.length >= perPlatformMax) return refusal('platform', onPlatform)
    if (perUserMax > 0 && counted.length >= perUserMax) return refusal('user', counted)
    this.#put(userId, [...left.filter((taken) => !isOwn(taken)), { seat, holder, expiresAtS: nowS + ttlS }])
    return { isTaken: true }
  }

  /** Every seat that a node has of a user; its others are cleared, those of earlier incarnations too. */
  keep(userId: UserId, { taken, asked }: HeldSeats, holder: Holder, ttlS: number, nowS: number): void {
    const { nodeId, epoch } = splitHolder(holder)
    const left = this.#living(userId, nowS).filter((one) => {
      const has = splitHolder(one.holder)
      const isOwn = has.nodeId === nodeId && has.epoch <= epoch
      return !isOwn || (one.holder === holder && asked.includes(one.seat))
    })
    this.#put(userId, [...left, ...taken.map((seat) => ({ seat, holder, expiresAtS: nowS + ttlS }))])
  }

  #living(userId: UserId, nowS: number): Taken[] {
    return (this.#seats.get(userId) ?? []).filter((taken) => taken.expiresAtS > nowS)
  }

  #put(userId: UserId, seats: Taken[]): void {
    if (seats.length > 0) this.#seats.set(userId, seats)
    else this.#seats.delete(userId)
  }
}

function refusal(reason: 'conflict' | 'user' | 'platform', inTheWay: Taken[]): SeatOutcome {
  return { isTaken: false, reason, holders: inTheWay.map(({ holder }) => holder) }
}
