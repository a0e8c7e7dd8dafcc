/** Which shard owns a user, and which tick renews it: one hash, stable across threads, nodes and releases. */
import type { UserId } from './types.js'

/** FNV-1a over UTF-16 code units, then a mixing step (as in MurmurHash3) so that low bits are usable; 32 bits. */
export function hashOf(userId: UserId): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < userId.length; at++) {
    hash = Math.imul(hash ^ userId.charCodeAt(at), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Shards of one node, at most: the application has numbers for so many actors of its own on a thread. */
export const SHARDS_MAX = 1_024

export function shardOf(userId: UserId, shards: number): number {
  return hashOf(userId) % shards
}
