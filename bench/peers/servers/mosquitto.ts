/** The broker of Eclipse as the system's package has it. Debian's speaks no WebSocket: clients come by TCP. */
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../src/doors/websocket/transport/port-check.js'
import type { Scope } from '../../support/scope.js'
import { programPath } from '../installed.js'
import type { Peer, Person, RunningPeer } from '../peer.js'
import { folderOf, startProgram } from './program.js'

const PACKAGE = 'the Debian package mosquitto (apt-get install mosquitto)'

export const mosquitto: Peer = {
  key: 'mosquitto',
  name: 'mosquitto',
  dialect: 'mqtt',
  nodesMax: 1,
  isToBeLed: false,
  missing: () => (programPath('mosquitto') && programPath('mosquitto_passwd') ? undefined : PACKAGE),
  version: () => {
    const { stdout } = spawnSync(programPath('mosquitto')!, ['-h'], { encoding: 'utf8' })
    return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown'
  },
  start,
}

async function start(scope: Scope): Promise<RunningPeer> {
  const folder = folderOf(scope, 'mosquitto')
  const [config, passwords] = [join(folder, 'mosquitto.conf'), join(folder, 'passwords')]
  const port = await freePort('127.0.0.1')
  writeFileSync(passwords, '')
  writeFileSync(
    config,
    [
      `listener ${port} 127.0.0.1`,
      // Otherwise root's process would become somebody who may not read this folder.
      `user ${userInfo().username}`,
      `password_file ${passwords}`,
      'allow_anonymous false',
      'persistence false',
      'set_tcp_nodelay true',
      // No limit: nothing is to be dropped.
      'max_queued_messages 0',
      'log_dest stderr',
      'log_type information',
      'connection_messages false',
      '',
    ].join('\n'),
  )
  const program = await startProgram(scope, programPath('mosquitto')!, ['-c', config], { port })
  return {
    ports: [port],
    pids: [program.pid],
    async enroll(people) {
      const accounts = people.map((person) => ({ ...person, secret: randomBytes(8).toString('hex') }))
      appendFileSync(passwords, hashed(folder, accounts))
      const read = program.says('Reloading config')
      program.child.kill('SIGHUP')
      await read
      return accounts
    },
  }
}

/** As lines of a password file. */
function hashed(folder: string, accounts: readonly (Person & { secret: string })[]): string {
  const file = join(folder, 'plain')
  writeFileSync(file, accounts.map(({ userId, secret }) => `${userId}:${secret}\n`).join(''))
  execFileSync(programPath('mosquitto_passwd')!, ['-U', file], { stdio: 'ignore' })
  return readFileSync(file, 'utf8')
}
