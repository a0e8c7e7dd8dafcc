/** What must not outlive a test's process, however it ends: processes and folders of its own. */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const running = new Set<ChildProcess>()
const folders = new Set<string>()

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})
// All is done. To leave the process to Node would mean to free its environment first, and there Node 20 was seen to spin
// for ever, after thousands of sockets had been destroyed.
process.once('beforeExit', () => process.exit())
// A test that overran its time is ended by a signal, which alone would leave all of it behind.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGALRM'] as const)
  process.once(signal, () => process.exit(1))

/** A new folder under the system's own for such things. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `porchlight-${name}-`))
  folders.add(folder)
  return folder
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  folders.delete(folder)
}

export function endsWithThisProcess(child: ChildProcess): void {
  running.add(child)
  child.once('exit', () => running.delete(child))
}
