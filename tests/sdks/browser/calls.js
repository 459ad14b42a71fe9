// What a page calls, for the browser SDKs of Segment, Customer.io and RudderStack: they have one interface, except that
// RudderStack's has no screen. Which calls they are stands in the page's address: ?calls=six,burst

const BURST = 100

const CALLS = {
  six(analytics) {
    analytics.identify('u1', {
      firstName: 'Ada',
      lastName: 'Lovelace',
      email: 'ada@example.test',
      createdAt: '2024-08-24T14:15:22Z',
      address: { postalCode: 'W1J 7NT' },
      plan: 'gold',
    })
    analytics.track('Order Completed', { orderId: 'order-1001', total: 12.5 })
    analytics.page('Docs', 'Pricing', { ref: 'nav' })
    analytics.screen?.('Main', 'Home', { tab: 'first' })
    analytics.group('g1', { name: 'Analytical Engines' })
    analytics.alias('u1', 'anon-1')
  },
  burst(analytics) {
    for (let step = 0; step < BURST; step++) {
      analytics.track('Step Done', { step })
    }
  },
  nameless(analytics) {
    analytics.identify({ firstName: 'Ada', favourite: 'tea' })
  },
  named(analytics) {
    analytics.identify('u1', { email: 'ada@example.test' })
  },
}

export function makeCalls(analytics) {
  const names = new URLSearchParams(location.search).get('calls')
  for (const name of names ? names.split(',') : []) {
    CALLS[name](analytics)
  }
}
