/** When, where and from which code a figure came. */
import { spawnSync } from 'node:child_process'
import { cpus, loadavg, release, type as system } from 'node:os'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
/** The harness writes them itself, between one benchmark and the next. */
const OWN_FILES = [':!*/RESULTS.md', ':!*/results.json']

export interface Stamp {
  /** ISO 8601. */
  date: string
  /** Short hash; '' = this is no clone. */
  commit: string
  /** Whether there was more in the files than that commit has. */
  isDirty: boolean
  node: string
  cpu: string
  cores: number
  kernel: string
  /** Average over the minute before. */
  load: number
  /** What was measured beside this code, with versions; '' = nothing but what its lock file names. */
  beside: string
}

export function stampNow(beside = ''): Stamp {
  return {
    date: new Date().toISOString(),
    commit: git('rev-parse', '--short=12', 'HEAD'),
    isDirty: git('status', '--porcelain', '--', '.', ...OWN_FILES) !== '',
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: `${system()} ${release()}`,
    load: loadavg()[0]!,
    beside,
  }
}

export function stampText({ date, commit, isDirty, node, cpu, cores, kernel, load, beside }: Stamp): string {
  const code = commit === '' ? 'no commit' : `commit ${commit}${isDirty ? ' with changes' : ''}`
  const when = `${date.slice(0, 16).replace('T', ' ')} UTC`
  const machine = `Node ${node}, ${cpu} x ${cores}, ${kernel}, load ${load.toFixed(1)} before`
  return `${when}, ${code}, ${machine}${beside === '' ? '' : `; ${beside}`}`
}

/** What git says; '' where there is none. */
function git(...args: string[]): string {
  const { status, stdout } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : ''
}
