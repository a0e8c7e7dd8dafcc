/** What Linux tells of another process. */
import { readdirSync, readFileSync } from 'node:fs'

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  return memoryBytes(pid, 'VmRSS')
}

/** The most that it ever was. */
export function peakResidentBytes(pid: number): number {
  return memoryBytes(pid, 'VmHWM')
}

function memoryBytes(pid: number, line: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, 'm').exec(status)![1]) * 1024
}

/** CPU seconds that a process has used, all threads that still run, user and system. */
export function cpuSecondsOf(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.reduce((sum, thread) => sum + onCpuNs(`/proc/${pid}/task/${thread}`), 0) / 1e9
  } catch {
    return countedCpuSecondsOf(pid)
  }
}

/** As the scheduler knows it. Not every kernel tells. */
function onCpuNs(thread: string): number {
  return Number(readFileSync(`${thread}/schedstat`, 'utf8').split(' ')[0])
}

/** Linux counts CPU time in hundredths of a second for everyone to see. */
const TICKS_PER_S = 100

function countedCpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name may hold blanks; what follows its parenthesis does not. `state` is field 3, `utime` 14, `stime` 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S
}

/** Files and sockets that it has open. */
export function openFilesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

export function threadsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length
}

/** Whether no thread of it runs any more after SIGSTOP: the kernel stops them one by one. */
export function isStopped(pid: number): boolean {
  const states = readdirSync(`/proc/${pid}/task`).map((thread) =>
    /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')),
  )
  return states.every((state) => state?.[1] === 'T')
}
