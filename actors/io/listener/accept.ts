/** The last step of a handshake: a connection for its socket. Thread: io. */
import { frameEncoding } from '../../../src/openim/codec/encodings.js'
import { SUCCESS_TEXT } from '../../../src/openim/verdict.js'
import { connection } from '../connection.js'
import { type Attempt, type Ctx, NOTHING, type State } from './state.js'

export function accept(ctx: Ctx, state: State, attempt: Attempt): void {
  const { request, args, owner } = attempt
  state.attempts.delete(attempt)
  const socket = args.isMsgResp ? attempt.socket : request.accept(owner)
  // The client has gone while its token was looked up.
  if (socket === undefined || owner.early.some(({ kind }) => kind === 'closed')) {
    return leaveAtDoor(ctx, state, attempt)
  }
  state.counts.logins++
  if (args.isMsgResp) socket.send(SUCCESS_TEXT, false)
  owner.connection = ctx.spawn(connection, {
    socket,
    heard: owner,
    userId: args.userId,
    platformId: args.platformId,
    background: args.isBackground,
    token: args.token,
    tokenEndsMs: attempt.tokenEndsMs,
    digest: attempt.digest,
    seat: attempt.seat,
    encoding: frameEncoding(args.sdkType, args.isCompressed),
    hub: state.hub,
    shard: state.addresses.shardFor(args.userId),
    fanOut: state.addresses.fanOutOn(ctx.self.thread),
    tokenSync: state.addresses.tokenSync,
    storage: state.addresses.storage,
    isAdmin: state.isAdmin(args.userId),
    wallMs: state.messageMs,
    settings: state.settings,
    rates: state.rates,
    counts: state.counts,
    places: state.places,
  })
  for (const message of owner.early) ctx.signal(owner.connection, message)
  owner.early = NOTHING
}

/** Its place and its seat are free again. */
function leaveAtDoor(ctx: Ctx, state: State, { request, args, seat }: Attempt): void {
  state.places.remove(request.address)
  if (seat !== undefined) ctx.signal(state.addresses.shardFor(args.userId), { kind: 'unseated', seat })
}
