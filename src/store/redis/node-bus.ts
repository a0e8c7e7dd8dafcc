/** What nodes tell each other through Redis: notes and changes out, and whatever is heard on the channels. */

import { Redis } from 'ioredis'
import type { Note } from '../../protocol/node/notes.js'
import { splitHolder } from '../../rules/cluster/holder.js'
import type { Holder } from '../../rules/types.js'
import type { NodeBus } from '../ports/node-bus.js'
import { hear } from '../shared/hear.js'
import { ChannelProbe } from './channel-probe.js'
import { OPENIM_CHANNEL } from './keys.js'
import type { NodeSender, Outgoing } from './node-channel.js'
import { parseNotice } from './openim-notices.js'
import { rejectUnavailable } from './server/connection.js'
import type { Session, StoreContext } from './store-context.js'
import type { Subscriber } from './subscriber.js'
import { UnreadLog } from './unread-log.js'

export class RedisNodeBus implements NodeBus {
  readonly #context: StoreContext
  readonly #probe: ChannelProbe
  readonly #unread: UnreadLog

  constructor(context: StoreContext, subscriber: Pick<Subscriber, 'failure' | 'reconnect'>) {
    this.#context = context
    this.#unread = new UnreadLog(context.options.log)
    this.#probe = new ChannelProbe({
      publish: (payload) => this.#tell(context.options.nodeId, payload).catch(rejectUnavailable),
      fault: () => subscriber.failure,
      onDeaf: (reason) => subscriber.reconnect(reason),
    })
  }

  send(to: Holder, note: Note): void {
    const session = this.#context.session()
    if (session) this.note(session, to, note)
  }

  async probeChannel(): Promise<void> {
    this.#context.opened()
    await this.#probe.run()
  }

  /**
   * Soon, in one message with all that goes to the same node. What this node says to itself takes no way through
   * Redis: it must not get lost with a subscription.
   */
  note({ holder, sender }: Session, to: Holder, note: Note): void {
    const { session } = this.#context
    const [own, other] = [splitHolder(holder), splitHolder(to)]
    // A later epoch is that of another process which has the name now.
    if (other.nodeId === own.nodeId && other.epoch <= own.epoch) {
      const said = structuredClone(note)
      queueMicrotask(() => session()?.events.nodeMessage(said))
      return
    }
    const isFirst = sender.note(to, structuredClone(note))
    if (isFirst) queueMicrotask(() => this.publish(sender))
  }

  /** Not awaited: a message that is lost leaves a gap in the numbers, which the receiver repairs. */
  publish(sender: NodeSender, outgoing?: Outgoing): void {
    for (const { nodeId, payload } of sender.messages(outgoing)) {
      this.#tell(nodeId, payload).catch((error: Error) => {
        this.#context.options.log('warn', 'cannot tell a node something', { nodeId, error: error.message })
      })
    }
  }

  #tell(nodeId: string, payload: Buffer): Promise<unknown> {
    const { client, keys } = this.#context
    const channel = keys.nodeChannel(nodeId)
    return client instanceof Redis ? client.publish(channel, payload) : client.spublish(channel, payload)
  }

  /** A message came over a channel that this node listens to. */
  heard(channel: string, payload: Buffer): void {
    const session = this.#context.session()
    if (!session || this.#probe.hears(payload)) return
    const { events, receiver } = session
    const { log } = this.#context.options
    if (channel === OPENIM_CHANNEL) {
      const notice = parseNotice(payload.toString())
      if (notice) events.openimNotice(notice.userId, notice.platformIds)
      else log('warn', 'a notice of OpenIM is malformed', { channel, bytes: payload.length })
      return
    }
    try {
      const received = receiver.receive(payload)
      if (typeof received === 'number') return this.#unread.note(`a message of version ${received}`)
      const { from, notes, leftOut, missed } = received
      for (const note of notes) hear(events, note, from)
      for (const reason of leftOut) this.#unread.note(reason)
      if (missed !== undefined) events.changesMissed(missed)
    } catch (error) {
      const bytes = payload.length
      log('warn', 'a change message is malformed', { channel, bytes, error: String(error) })
      events.changesMissed('a change message is malformed')
    }
  }

  /** Listening again after a loss. */
  resubscribed(reason: string): void {
    const session = this.#context.session()
    session?.receiver.forgive()
    session?.events.changesMissed(reason)
  }
}
