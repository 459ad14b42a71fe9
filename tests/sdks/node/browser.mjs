// A visitor's browser: opens each address that comes in on a line, answers with a line when the page is loaded, and at the
// end of its input prints one line of JSON: the requests that wanted to leave this machine, and what went wrong in the page.
// A line of JSON is a form to fill in: what to type into which fields, and what to click then.
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

for await (const line of createInterface({ input: process.stdin })) {
  if (line.startsWith('{')) {
    const { fields, click } = JSON.parse(line)
    for (const [field, text] of Object.entries(fields)) {
      await page.locator(field).pressSequentially(text)
    }
    await page.locator(click).click()
    console.log(JSON.stringify({ clicked: click }))
  } else {
    await page.goto(line)
    console.log(JSON.stringify({ loaded: line }))
  }
}
await context.close()
console.log(JSON.stringify(report))
