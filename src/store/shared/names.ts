/** Which names may enter a store's keys and records. */

import { checkUserId } from '../../rules/user-id.js'

/** What is wrong with a user ID, as a sentence; undefined when nothing is. */
export function userIdProblem(userId: string): string | undefined {
  const flaw = checkUserId(userId)
  return flaw === undefined ? undefined : `The user ID ${flaw}.`
}

/** What is wrong with a node ID. `#`, `@` and `:` separate it from its neighbours in records. */
export function nodeIdProblem(nodeId: string): string | undefined {
  return /^[A-Za-z0-9._-]{1,64}$/.test(nodeId)
    ? undefined
    : `Node ID "${nodeId}" is not 1 to 64 letters, digits, dots, dashes and underscores.`
}
