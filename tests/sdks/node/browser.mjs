// A visitor's browser: opens each address that comes in on a line, answers with a line when the page is loaded, and at the
// end of its input prints one line of JSON: the requests that wanted to leave this machine, and what went wrong in the page.
//
// The first argument has, as JSON: `executable`, `profile` (an empty folder), and `elsewhere` (address → file that stands for it).

import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'

const { executable, profile, elsewhere } = JSON.parse(process.argv[2])
const context = await chromium.launchPersistentContext(profile, {
  executablePath: executable,
  headless: true,
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
})

const report = { outside: [], errors: [] }
await context.route(
  (url) => url.hostname !== '127.0.0.1',
  (route) => {
    const address = route.request().url()
    if (address in elsewhere) {
      return route.fulfill({ path: elsewhere[address], contentType: 'text/javascript' })
    }
    report.outside.push(address)
    return route.abort()
  },
)
const page = await context.newPage()
page.on('pageerror', (error) => report.errors.push(String(error)))

for await (const address of createInterface({ input: process.stdin })) {
  await page.goto(address)
  console.log(JSON.stringify({ loaded: address }))
}
await context.close()
console.log(JSON.stringify(report))
