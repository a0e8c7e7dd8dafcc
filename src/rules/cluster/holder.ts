/** The one place that makes and takes apart the name of an incarnation of a node: `nodeId#epoch`. */
import type { Holder } from '../types.js'

export function holderOf(nodeId: string, epoch: string | number): Holder {
  return `${nodeId}#${epoch}`
}

export function splitHolder(holder: Holder): { nodeId: string; epoch: number } {
  return { nodeId: nodeOfHolder(holder), epoch: epochOfHolder(holder) }
}

/** The same for all incarnations of a node. */
export function nodeOfHolder(holder: Holder): string {
  return holder.slice(0, holder.lastIndexOf('#'))
}

/** It rises with each incarnation of the node. */
export function epochOfHolder(holder: Holder): number {
  return Number(holder.slice(holder.lastIndexOf('#') + 1))
}
