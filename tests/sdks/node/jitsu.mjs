// A customer's application with jitsu's client, which has four of the six calls and knows its user from identify.

import { pathToFileURL } from 'node:url'

const { analytics } = await import(pathToFileURL(process.argv[2]))
await analytics.identify('u1', {
  firstName: 'Ada',
  lastName: 'Lovelace',
  email: 'ada@example.test',
  createdAt: '2024-08-24T14:15:22Z',
  address: { postalCode: 'W1J 7NT' },
  plan: 'gold',
})
await analytics.track('Order Completed', { orderId: 'order-1001', total: 12.5 })
await analytics.page('Pricing', { ref: 'nav' })
await analytics.group('g1', { name: 'Analytical Engines' })
