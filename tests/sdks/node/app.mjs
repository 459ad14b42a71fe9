// A customer's application: the client as a document shows it, then some calls. Any of the three Node SDKs will do.
//
// The first argument is the module with the client, the others name the calls.

import { once } from 'node:events'
import { pathToFileURL } from 'node:url'

const BURST = 100

function makeSixCalls(analytics) {
  const user = { userId: 'u1' }
  analytics.identify({
    ...user,
    traits: {
      firstName: 'Ada',
      lastName: 'Lovelace',
      email: 'ada@example.test',
      createdAt: '2024-08-24T14:15:22Z',
      address: { postalCode: 'W1J 7NT' },
      plan: 'gold',
    },
  })
  analytics.track({ ...user, event: 'Order Completed', properties: { orderId: 'order-1001', total: 12.5 } })
  analytics.page({ ...user, category: 'Docs', name: 'Pricing', properties: { ref: 'nav' } })
  analytics.screen({ ...user, name: 'Home', properties: { tab: 'first' } })
  analytics.group({ ...user, groupId: 'g1', traits: { name: 'Analytical Engines' } })
  analytics.alias({ ...user, previousId: 'anon-1' })
}

function makeBurst(analytics, first = 0) {
  for (let step = first; step < first + BURST; step++) {
    analytics.track({ userId: 'u1', event: 'Step Done', properties: { step } })
  }
}

// The second when a line comes in: what happens to the router in between is the test's affair.
async function makeTwoBursts(analytics) {
  makeBurst(analytics)
  await once(process.stdin, 'data')
  process.stdin.destroy()
  makeBurst(analytics, BURST)
}

const CALLS = { six: makeSixCalls, burst: makeBurst, bursts: makeTwoBursts }

const [client, ...calls] = process.argv.slice(2)
const { analytics } = await import(pathToFileURL(client))
for (const call of calls) {
  await CALLS[call](analytics)
}
// RudderStack's has no such call: its timers keep the process until all is sent.
await analytics.closeAndFlush?.()
