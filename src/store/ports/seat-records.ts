/** Seats: which connections of a user have a place, where a login may be refused. */
import type { SeatOutcome, SeatRequest } from '../../rules/types.js'

export interface SeatRecords {
  /**
   * Take a seat, if nothing is in the way at that instant; `onlyLiving` leaves out, and clears, seats of nodes whose
   * lease has ended. Seats last PRESENCE_TTL_S; `PresenceRecords.assert` with `seats` keeps this node's own and clears
   * its others.
   */
  takeSeat(request: SeatRequest, onlyLiving: boolean): Promise<SeatOutcome>
}
