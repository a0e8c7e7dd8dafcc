// Loaded into tap by `npm test`: test files start without tap's module hooks, which are for mocks and coverage. No test
// here uses them. Below Node 24 each hook lives on a thread of its own, and each thread of each node in a test starts
// such threads again: with them the tests take three times as much CPU.
import childProcess from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'

const HOOK = /^--import=.*\/@tapjs\//
const { spawn } = childProcess

childProcess.spawn = (command, args, options) => {
  const plain = args.filter((arg) => !HOOK.test(arg))
  if (plain.length === args.length) return spawn(command, args, options)
  // Where tap misses a hook among the arguments it adds it to this variable.
  return spawn('env', ['-u', 'NODE_OPTIONS', command, ...plain], options)
}
syncBuiltinESMExports()
