/** Reads the page of metrics of a node. */

/** The sum of a metric over all its labels, or over those lines that have `label`; undefined = there is no such line. */
export function sumOf(name: string, text: string, label = ''): number | undefined {
  const lines = text.split('\n').filter((line) => /^\w+/.exec(line)?.[0] === name && line.includes(label))
  if (lines.length === 0) return undefined
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

export async function metricsText(healthUrl: string): Promise<string> {
  return (await fetch(`${healthUrl}/metrics`)).text()
}

/** Several at one time. Fails for one that the node does not have. */
export async function readMetrics<N extends string>(
  healthUrl: string,
  names: readonly N[],
): Promise<Record<N, number>> {
  const text = await metricsText(healthUrl)
  const found = names.map((name) => {
    const sum = sumOf(name, text)
    if (sum === undefined) throw new Error(`the node has no metric ${name}`)
    return [name, sum]
  })
  return Object.fromEntries(found) as Record<N, number>
}
