import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import { exposeControl, wrapControl } from '../../src/runtime/control.js'
import { CodedError, codeOf, fromWire, hasCode, runtimeError, toWire } from '../../src/runtime/errors.js'

class KettleError extends CodedError {
  readonly code = 'KETTLE_EMPTY'
  readonly retry = 'never'
}

t.test('code, message, retry and the message of the cause survive the way to another thread', async (t) => {
  const error = new KettleError('no water', { cause: new Error('tap closed') })
  const wire = toWire(error)
  t.same(wire, { code: 'KETTLE_EMPTY', message: 'no water', retry: 'never', cause: 'tap closed' })
  const there = fromWire(structuredClone(wire))
  t.ok(there instanceof CodedError)
  t.match(there, {
    code: 'KETTLE_EMPTY',
    message: 'no water',
    retry: 'never',
    cause: { message: 'tap closed' },
  })
  t.same(toWire(there), wire, 'and the way on to a third')
})

t.test('an error without a code is unknown, and may pass', async (t) => {
  t.same(toWire(new TypeError('odd')), { code: 'UNKNOWN', message: 'odd', retry: 'later' })
  t.same(toWire('just text'), { code: 'UNKNOWN', message: 'just text', retry: 'later' })
  t.equal(fromWire(toWire(undefined)).cause, undefined)
})

t.test("a code of the system's is kept, and one that is no text is none", async (t) => {
  const missing = Object.assign(new Error('no such file'), { code: 'ENOENT' })
  t.equal(toWire(missing).code, 'ENOENT')
  t.ok(hasCode(missing, 'ENOENT'))
  t.notOk(hasCode(missing, 'EEXIST'))
  t.same([{ code: 28 }, new Error('x'), 'ENOENT', null, undefined].map(codeOf), Array(5).fill(undefined))
})

t.test('an error of the runtime says whether to try again', async (t) => {
  t.equal(runtimeError('MAILBOX_FULL', 'full').retry, 'later')
  t.equal(runtimeError('NO_SUCH_ACTOR', 'gone').retry, 'never')
})

t.test('an error that a thread throws on the control plane keeps its code', async (t) => {
  const { port1, port2 } = new MessageChannel()
  t.teardown(() => port1.close())
  exposeControl(
    {
      boil: async () => {
        throw new KettleError('no water')
      },
    },
    port1,
  )
  const remote = wrapControl<{ boil(): Promise<void> }>(port2)
  await t.rejects(remote.boil(), { code: 'KETTLE_EMPTY', message: 'no water', retry: 'never' })
})
