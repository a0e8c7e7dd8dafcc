/** From the events of a history to who was there, and who was told what. */
import type { PlatformId, UserId } from '../../src/rules/types.js'
import type { History, HistoryEvent, SocketId } from './history.js'

export interface Socket {
  id: SocketId
  node: number
  userId: UserId
  platformId: PlatformId
  knockedMs: number
  enteredMs: number | undefined
  leftMs: number
  hasGrace: boolean
}

export interface Span {
  fromMs: number
  toMs: number
}

export interface Watch extends Span {
  watcher: SocketId
  userId: UserId
  told: { atMs: number; platformIds: PlatformId[] }[]
}

const FOREVER = Number.POSITIVE_INFINITY

export function socketsOf(events: HistoryEvent[]): Socket[] {
  const sockets = new Map<SocketId, Socket>()
  for (const event of events) {
    if (event.kind === 'knocked') {
      const { socket: id, node, userId, platformId, atMs: knockedMs } = event
      const open = { enteredMs: undefined, leftMs: FOREVER, hasGrace: false }
      sockets.set(id, { id, node, userId, platformId, knockedMs, ...open })
    } else if (event.kind === 'entered') sockets.get(event.socket)!.enteredMs = event.atMs
    else if (event.kind === 'left') {
      const socket = sockets.get(event.socket)!
      socket.leftMs = event.atMs
      socket.hasGrace = event.hasGrace
    }
  }
  return [...sockets.values()]
}

export function watchesOf({ events }: History): Watch[] {
  const watches: Watch[] = []
  const open = new Map<string, Watch>()
  const end = (key: string, atMs: number) => {
    const watch = open.get(key)
    if (watch !== undefined) watch.toMs = atMs
    open.delete(key)
  }
  for (const event of events) {
    if (event.kind === 'left') {
      for (const [key, { watcher }] of open) if (watcher === event.socket) end(key, event.atMs)
    }
    if (event.kind !== 'watched' && event.kind !== 'unwatched' && event.kind !== 'told') continue
    const { watcher, userId, atMs } = event
    const key = `${watcher} ${userId}`
    if (event.kind === 'unwatched') end(key, atMs)
    else if (event.kind === 'told') open.get(key)?.told.push({ atMs, platformIds: event.platformIds })
    else if (!open.has(key)) {
      const watch: Watch = { watcher, userId, fromMs: atMs, toMs: FOREVER, told: [] }
      open.set(key, watch)
      watches.push(watch)
    }
  }
  return watches
}
