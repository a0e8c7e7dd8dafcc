import { stat } from 'node:fs/promises'

/**
 * What a file looks like from outside; another text = it may have changed, and is to be read again. Followed through
 * links, as those change by which a mounted secret is replaced. Rejects with the system's error.
 *
 * Take it before the file is read: of a file that changes in between, the next look then sees another stamp.
 */
export async function fileStamp(path: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(path)
  return `${mtimeMs} ${size} ${ino}`
}
