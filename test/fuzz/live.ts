export const LIVE = { name: 'live', what: 'stub' }
export async function runLive(_: { seed: number; ms: number; say(line: string): void }): Promise<string[]> {
  return []
}
