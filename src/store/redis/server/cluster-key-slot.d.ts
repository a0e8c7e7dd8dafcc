/** ioredis's own dependency, which ships no types: the slot of a key, from 0 to 16,383. */
declare module 'cluster-key-slot' {
  export default function slotOf(key: string): number
}
