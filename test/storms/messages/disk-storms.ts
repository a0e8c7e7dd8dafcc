/** The disk of a node is full while all send. */
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { temporaryFolder } from '../../support/leftovers.js'
import { until } from '../../support/redis.js'
import { databaseFaults, readiness } from './database-storms.js'
import type { Scene } from './scene.js'
import type { MessageStorm } from './storms.js'

const REFUSAL = 90_002
const DISK_MIB = 96
/** What is removed to make room, and comes back in the next round. */
const BALLAST_MIB = 72
const FULL_WITHIN_MS = 60_000
/** While the disk is full, for some looks of the node at its database. */
const LOOKS = 80
const LOOK_MS = 50

export const diskFull: MessageStorm = {
  name: 'disk-full',
  what: 'the disk of the only node is full, again and again, and room is made',
  missing: noSmallDisk,
  refusals: [REFUSAL],
  async run(scene) {
    const disk = smallDisk(scene)
    const problems: string[] = []
    await scene.open('north', { DATA_DIR: join(disk, 'data') })
    await scene.beginLoad()
    const rounds = Math.min(scene.settings.rounds, 3)
    for (let round = 0; round < rounds; round++) {
      await scene.underLoad()
      const ballast = join(disk, 'ballast')
      await scene.fault(async () => {
        fill(ballast)
        await isRefused(scene)
        const parts = await readiness(scene, 'north')
        const said = [...databaseFaults(parts), ...parts.filter(({ name }) => name === 'disk')]
        scene.settings.say(
          `round ${round + 1}: /readyz says: ${said.map(({ missing }) => missing).join(' | ')}`,
        )
        const wrong = await timesWell(scene)
        if (wrong > 0)
          problems.push(`round ${round + 1}: /readyz took the database for well ${wrong} times of ${LOOKS}`)
        rmSync(ballast)
      })
    }
    return problems
  },
}

/** Sends are refused, and /readyz says that there is no room. */
async function isRefused(scene: Scene): Promise<void> {
  const { refusals } = scene.ledger
  const before = refusals.get(REFUSAL) ?? 0
  await until('sends are refused', () => (refusals.get(REFUSAL) ?? 0) > before, FULL_WITHIN_MS)
  const saysSo = async () =>
    (await readiness(scene, 'north')).some(
      ({ missing }) => missing !== undefined && /full|no space/i.test(missing),
    )
  await until('/readyz says that the disk is full', saysSo, FULL_WITHIN_MS)
}

/** How often /readyz names no fault of the database while its disk is full. */
async function timesWell(scene: Scene): Promise<number> {
  let wrong = 0
  for (let look = 0; look < LOOKS; look++) {
    if (databaseFaults(await readiness(scene, 'north')).length === 0) wrong++
    await pause(LOOK_MS)
  }
  return wrong
}

/** To the last byte, as far as there is room. */
function fill(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(BALLAST_MIB * 1024 * 1024))
  } catch {
    // What fits is written.
  }
}

const MOUNT = ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs']

function noSmallDisk(): string | undefined {
  const folder = temporaryFolder('disk')
  if (spawnSync('mount', [...MOUNT, folder]).status !== 0)
    return 'needed: the right to mount a small file system (root)'
  execFileSync('umount', [folder])
  return undefined
}

function smallDisk(scene: Scene): string {
  const folder = temporaryFolder('disk')
  execFileSync('mount', [...MOUNT, folder])
  // Processes that were killed a moment ago may hold files still.
  scene.teardown(() => execFileSync('umount', ['--lazy', folder]))
  return folder
}
