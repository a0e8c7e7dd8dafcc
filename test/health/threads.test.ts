/** A thread that hangs: `/readyz` and `/healthz` still answer, and name the thread. */
import t from 'tap'
import { eventually } from '../support/eventually.js'
import { metricsText, sumOf } from '../support/metrics.js'
import { TestNode } from '../support/node.js'

for (const role of ['io', 'api', 'sync']) {
  t.test(
    `while the ${role} thread hangs, health is answered and says so; then all is well again`,
    async (t) => {
      const node = await TestNode.start(t)
      const { host } = node.supervisor
      const thread = host.threads.find((one) => one.role === role)!
      const readyz = async () => {
        const response = await fetch(`${node.healthUrl}/readyz`)
        return { status: response.status, text: await response.text() }
      }
      await eventually(async () => ((await readyz()).status === 200 ? true : undefined))
      host.control(thread).fault('hang')
      const said = await eventually(async () => {
        const { status, text } = await readyz()
        return status === 503 ? text : undefined
      })
      t.match(said, new RegExp(`"${role}-0","ready":false,"missing":"the thread does not answer`))
      t.equal((await fetch(`${node.healthUrl}/healthz`)).status, 200, 'it may come back')
      t.ok((await node.metric('porchlight_thread_silent_seconds', `${role}-0`)) > 0)
      await eventually(async () => ((await readyz()).status === 200 ? true : undefined))
      const text = await metricsText(node.healthUrl)
      t.equal(sumOf('porchlight_thread_silent_seconds', text, `${role}-0`), 0)
      const lagS = sumOf('porchlight_event_loop_lag_seconds', text, `thread="${role}-0"`)
      t.ok(lagS! > 1, `the stop was measured, though the scrape above was not answered: ${lagS}`)
    },
  )
}
