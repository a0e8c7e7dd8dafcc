/** With a full disk the embedded store could record nothing, and the node said that it was ready. */
import { execFileSync } from 'node:child_process'
import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Disk } from '../../src/health/disk.js'
import { Platform } from '../../src/openim/platforms.js'
import { temporaryFolder } from '../support/leftovers.js'
import { TestNode } from '../support/node.js'
import { until } from '../support/redis.js'
import { becomesReady, lacks } from './room.js'

// Most of it is waiting for a node to look at its disk again.
t.jobs = 2

t.test('what a disk answers to a write is told in words', async (t) => {
  for (const [code, words] of [
    ['ENOSPC', /takes no writes: the disk is full \(ENOSPC/],
    ['EDQUOT', /the disk is full/],
    ['EROFS', /the file system may only be read/],
    ['EACCES', /this user may not write there/],
    ['EIO', /the disk fails/],
    ['ENOENT', /the directory is gone/],
    ['EMFILE', /no file descriptors left/],
  ] as const) {
    let failure: Error | undefined = Object.assign(new Error(`${code}: said the system, open`), { code })
    const disk = new Disk({
      dir: '/data',
      write: async () => {
        if (failure !== undefined) throw failure
      },
    })
    t.teardown(() => disk.stop())
    t.ok(disk.part().ready)
    await disk.look()
    t.match(disk.part(), { name: 'disk', ready: false, missing: words })
    failure = undefined
    await disk.look()
    t.same(disk.part(), { name: 'disk', ready: true })
  }
})

t.test('a disk that hangs is not ready, and is not asked again meanwhile', async (t) => {
  let nowMs = 0
  let writes = 0
  let settle = () => {}
  const disk = new Disk({
    dir: '/data',
    write: () => {
      writes++
      return new Promise((resolve) => {
        settle = resolve
      })
    },
    nowMs: () => nowMs,
  })
  t.teardown(() => disk.stop())
  const looking = disk.look()
  t.ok(disk.part().ready, 'it may be about to answer')
  nowMs = 11_000
  t.match(disk.part(), {
    ready: false,
    missing: /has not answered a write for 11 s/,
    since: new Date(0).toISOString(),
  })
  await disk.look()
  t.equal(writes, 1)
  settle()
  await looking
  t.ok(disk.part().ready)
})

t.test('a node whose data directory takes no writes is not ready, until it does', async (t) => {
  const dataDir = temporaryFolder('disk')
  const node = await TestNode.start(t, { DATA_DIR: dataDir })
  await becomesReady(node)

  // Whatever is written there meets a full device. The node's own probe may be there for a moment.
  const probe = join(dataDir, 'write-probe')
  await until('the link has the place of the probe', () => symlink('/dev/full', probe).then(() => true))
  const said = await lacks(node, 'disk', /takes no writes: the disk is full \(ENOSPC/)
  t.equal(said.status, 503)
  await rm(probe)
  await becomesReady(node)

  await rename(dataDir, `${dataDir}-away`)
  await lacks(node, 'disk', /the directory is gone/)
  await rename(`${dataDir}-away`, dataDir)
  await becomesReady(node)
})

t.test('a disk that is really full is told as full', async (t) => {
  const dataDir = temporaryFolder('full-disk')
  if (!mountSmall(dataDir)) return t.pass('nothing may be mounted here; /dev/full stands in for it above')
  t.teardown(() => execFileSync('umount', ['-l', dataDir]))
  const node = await TestNode.start(t, { DATA_DIR: dataDir })
  await becomesReady(node)
  const filler = join(dataDir, 'filler')
  await t.rejects(writeFile(filler, Buffer.alloc(4_194_304)), { code: 'ENOSPC' })
  await lacks(node, 'disk', /the disk is full/)
  await rm(filler)
  await becomesReady(node)
  const client = await node.login('ann', Platform.Web)
  t.equal(await client.ping('in'), 'in')
})

function mountSmall(dir: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', dir], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
