/**
 * Ways to break the code by a line. The simulation must notice each: a rule that nothing can break proves nothing.
 */
export interface Mutation {
  name: string
  file: string
  /** Occurs exactly once. */
  find: string
  replace: string
}

export const MUTATIONS: Mutation[] = [
  {
    name: 'a device that comes again has its other connections kicked',
    file: 'src/rules/shard/sessions.ts',
    find: "for (const key of obeying.probed) out.push({ kind: 'signal', key, order: { kind: 'probe' } })",
    replace:
      "for (const key of obeying.probed) out.push({ kind: 'signal', key, order: { kind: 'kick', by } })",
  },
  {
    name: 'no version check',
    file: 'src/rules/presence/watch-index.ts',
    find: 'if (version > 0) return version >= user.version',
    replace: 'if (version > 0) return true',
  },
  {
    name: 'versions do not rise above what nodes have seen',
    file: 'src/store/memory/memory-backend.ts',
    find: 'user.version = Math.max(Math.floor(this.#nowMs() * 1000), user.version + 1, versionSeen + 1)',
    replace: 'user.version = Math.floor(this.#nowMs() * 1000)',
  },
  {
    name: 'no sequence check: a gap is not noticed',
    file: 'src/store/redis/node-channel.ts',
    find: 'if (expected === undefined || seq === expected) return undefined',
    replace: 'return undefined',
  },
  {
    name: 'a gap is noticed, and nothing is read again',
    file: 'actors/shard/presence-shard.ts',
    find: 'changesMissed: (ctx, { watches, flights, out }) => flights.readAgain(watches.userIds, ctx.nowMs(), out)',
    replace: 'changesMissed: () => {}',
  },
  {
    name: 'lost coalescing: a change during the flight is dropped',
    file: 'src/rules/presence/adaptive-batch.ts',
    find: 'if (changedAgainMs === UNCHANGED) this.#inFlight.set(userId, nowMs)',
    replace: '',
  },
  {
    name: 'who was in a batch that failed is not sent again',
    file: 'src/rules/presence/adaptive-batch.ts',
    find: 'else this.#waiting.set(userId, nowMs)',
    replace: '',
  },
  {
    name: 'the grace is ignored',
    file: 'src/rules/presence/roster.ts',
    find: 'if (clean || this.#graceMs === 0) return this.#drop(user, held)',
    replace: 'if (clean || this.#graceMs >= 0) return this.#drop(user, held)',
  },
  {
    name: 'the ledger is ignored after a restart of a shard',
    file: 'src/rules/shard/sessions.ts',
    find: 'for (const { userId, platformIds } of heldBefore) {',
    replace: 'for (const { userId, platformIds } of heldBefore.slice(0, 0)) {',
  },
  {
    name: 'after an outage nothing is asserted again',
    file: 'src/rules/shard/flights.ts',
    find: 'this.assertAgain(userIds, nowMs, out)',
    replace: '',
  },
  {
    name: 'after a fail-over nobody is withdrawn again',
    file: 'src/rules/shard/flights.ts',
    find: 'this.assertAgain(this.#departed.keys(), nowMs, out)',
    replace: '',
  },
  {
    name: 'suspects are marked dead after one turn',
    file: 'src/rules/cluster/suspicions.ts',
    find: 'nowMs - sinceMs >= this.#suspectedMinMs',
    replace: 'nowMs - sinceMs >= 0',
  },
  {
    name: 'no node is ever marked dead',
    file: 'actors/sync/cluster-sync/lease.ts',
    find: 'suspects: lease.suspicions.overdue(sentMs)',
    replace: 'suspects: []',
  },
  {
    name: 'what the dead held is never swept',
    file: 'src/store/memory/registry.ts',
    find: '    this.#sweeps.set(holder, fromMs)\n  }',
    replace: '  }',
  },
  {
    name: 'a sweep without a death: the living are swept',
    file: 'src/store/memory/registry.ts',
    find: '\n    this.#nodes.set(holder, nowMs + nodeLeaseMs)',
    replace:
      '\n    this.#nodes.set(holder, nowMs + nodeLeaseMs)\n    this.#sweeps.set(holder, nowMs + nodeLeaseMs)',
  },
  {
    name: 'the claims of the dead are not left out',
    file: 'src/rules/cluster/membership.ts',
    find: 'return { ...snapshot, claims: snapshot.claims.filter(({ holder }) => !this.#void.has(holder)) }',
    replace: 'return snapshot',
  },
  {
    name: 'shards do not hear of a death',
    file: 'src/rules/shard/watches.ts',
    find: 'this.tell(this.#index.loseHolders(holders), out)',
    replace: 'this.tell(this.#index.loseHolders(holders.slice(0, 0)), out)',
  },
  {
    name: 'a new epoch of a process marks its old one dead at once',
    file: 'src/store/memory/registry.ts',
    find: 'if (last?.processId === processId) {',
    replace: 'if (last?.processId === processId) this.#markDead(holder, nowMs)\n      else if (false) {',
  },
  {
    name: 'a node that was started anew keeps no grace for its users',
    file: 'src/store/memory/registry.ts',
    find: 'else this.#markDead(holder, nowMs + offlineGraceMs)',
    replace: 'else this.#markDead(holder, nowMs)',
  },
  {
    name: 'no epoch check: what an earlier epoch claimed stays',
    file: 'src/store/memory/memory-backend.ts',
    find: '(has.nodeId === nodeId && has.epoch < epoch)',
    replace: 'false',
  },
  {
    name: 'a lease that was lost is held on to',
    file: 'actors/sync/cluster-sync/lease.ts',
    find: '  if (!isHeld) return false',
    replace: '  if (!isHeld) return true',
  },
  {
    name: 'that the store knows nobody is believed at once',
    file: 'src/rules/presence/watch-index.ts',
    find: 'return asOfMs - user.goneSinceMs >= GONE_CONFIRM_MS',
    replace: 'return asOfMs >= user.goneSinceMs',
  },
]
