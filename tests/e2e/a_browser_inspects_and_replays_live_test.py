"""In a browser the inspection page shows a request as it comes, its parts by mouse and keys, and a click on Replay sends it once
more; what it shows is never run, and a page of another origin gets nowhere with it.

With HOODY_SCREENSHOT=FOLDER the test leaves pictures of the page, light and dark."""

import asyncio
import base64
import json
import os
import urllib.request

from harness import PATIENCE, run
from inspection import inspected
from services.browser import Browser
from services.programs import need, server_folder

SCREENSHOT = os.environ.get("HOODY_SCREENSHOT", "")
ATTACK = b"<script>document.title = 'attacked'</script><img src=x onerror=\"document.title='attacked'\">"
KEYS = {"ArrowDown": 40, "Escape": 27, "r": 82, "1": 49, "/": 191}

# What a page of another origin may try; each resolves with whether it got something.
FOREIGN = """
(async () => {
  const at = %s;
  const tried = (promise) => promise.then(() => true, () => false);
  const loaded = (name, set) => new Promise((done) => {
    const made = document.createElement(name);
    made.onload = () => done(true);
    made.onerror = () => done(false);
    set(made);
    document.body.append(made);
  });
  const listened = () => new Promise((done) => {
    const events = new EventSource(at + "/api/events");
    events.onopen = events.onmessage = () => done(true);
    events.onerror = () => done(false);
  });
  return {
    read: await tried(fetch(at + "/api/requests").then((answer) => answer.text())),
    cleared: await tried(fetch(at + "/api/clear", { method: "POST", headers: { "x-inspect-token": "0" } })),
    script: await loaded("script", (script) => (script.src = at + "/page.js")),
    image: await loaded("img", (image) => (image.src = at + "/icon.svg")),
    events: await listened(),
    blind: await fetch(at + "/api/clear", { method: "POST", mode: "no-cors", body: "" }).then((answer) => answer.type, () => "blocked"),
  };
})()
"""


class Service:
    def __init__(self):
        self.taken = []

    def answer(self, method, target, _headers, body):
        self.taken.append((method, target, body))
        if target == "/attack":
            return 200, [("Content-Type", "text/html")], ATTACK
        return 200, [("Content-Type", "application/json")], json.dumps({"got": body.decode(), "list": [1, 2.50, None]}).encode()


async def until(tab, expression):
    """The expression's first true value in the page; an element is only true."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not (value := await tab.evaluate(f"((got) => (got instanceof Node ? true : got))({expression})")):
        assert asyncio.get_running_loop().time() < deadline, f"waited in vain until {expression}"
        await asyncio.sleep(0.02)
    return value


async def press(tab, key):
    text = {"text": key} if len(key) == 1 else {}
    await tab.ask("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=KEYS[key], **text)
    await tab.ask("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=KEYS[key])


async def click(tab, selector):
    place = f"(() => {{ const at = document.querySelector({json.dumps(selector)}).getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]; }})()"
    x, y = await tab.evaluate(place)
    for kind in ("mousePressed", "mouseReleased"):
        await tab.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


async def picture(tab, name):
    if not SCREENSHOT:
        return
    await tab.ask("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)
    for scheme in ("light", "dark"):
        await tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        shot = await tab.ask("Page.captureScreenshot")
        with open(os.path.join(SCREENSHOT, f"{name}-{scheme}.png"), "wb") as out:
            out.write(base64.b64decode(shot["data"]))


def send(port, method, target, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{target}", body, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        answer.read()


async def sees_it_live_and_replays(tab, driver, service):
    await until(tab, "document.querySelector('.link.live') && document.getElementById('count').textContent === 'No requests yet'")
    send(driver.port, "POST", "/orders?page=1", b'{"a":1}')
    row = await until(tab, "document.querySelector('#request-1 .status.good') && document.querySelector('#request-1').innerText")
    assert "POST" in row and "/orders?page=1" in row and "200" in row, row

    await click(tab, "#request-1")
    await until(tab, "document.querySelector('.shown')?.textContent.includes('\"list\": [\\n    1,\\n    2.5,\\n    null\\n  ]')")
    await press(tab, "1")
    await until(tab, "document.querySelector('.panel').innerText.includes('page') && document.querySelector('.shown')?.textContent.includes('\"a\": 1')")
    await picture(tab, "request")

    await click(tab, "#replay")
    await until(tab, "document.querySelector('#request-2 .status.good')")
    await until(tab, "document.querySelector('.what').innerText.includes('#2') && document.querySelector('.acts').innerText.includes('replay of #1')")
    await press(tab, "r")
    await until(tab, "document.querySelector('#request-3 .status.good')")
    assert service.taken == [("POST", "/orders?page=1", b'{"a":1}')] * 3, service.taken
    await picture(tab, "replayed")


async def never_runs_what_it_shows(tab, driver):
    send(driver.port, "GET", "/attack")
    await until(tab, "document.querySelector('#request-4 .status.good')")
    await click(tab, "#request-4")
    await until(tab, f"document.querySelector('.shown')?.textContent === {json.dumps(ATTACK.decode())}")
    assert await tab.evaluate("document.title") == "hoody-tunnel inspect"
    assert await tab.evaluate("document.querySelectorAll('.detail script, .detail img').length") == 0


async def filters_and_clears(tab):
    await press(tab, "/")
    await tab.ask("Input.insertText", text="attack 2xx")
    await until(tab, "document.querySelectorAll('#list li:not([hidden])').length === 1")
    await press(tab, "Escape")
    await until(tab, "document.querySelectorAll('#list li:not([hidden])').length === 4")
    await press(tab, "ArrowDown")
    await until(tab, "document.querySelector('#request-3').getAttribute('aria-selected') === 'true'")
    await until(tab, "document.querySelector('.what').innerText.includes('#3')")
    await click(tab, "#clear")
    await until(tab, "document.querySelectorAll('#list li').length === 0 && document.querySelector('.welcome')")


def it_is_seen_live_and_replayed():
    service = Service()
    with server_folder() as folder, Browser(folder) as browser, inspected(service.answer) as (_, driver, inspection):

        async def script(tab):
            await tab.go_to(inspection.url)
            await sees_it_live_and_replays(tab, driver, service)
            await never_runs_what_it_shows(tab, driver)
            await filters_and_clears(tab)
            return tab.complaints

        complaints = browser.visit(script)
        assert not complaints, complaints


def a_page_of_another_origin_gets_nowhere():
    service = Service()
    with server_folder() as folder, Browser(folder) as browser, inspected(service.answer) as (_, driver, inspection):

        async def script(tab):
            await tab.go_to(f"http://127.0.0.1:{driver.port}/orders")  # same site, another port
            return await tab.evaluate(FOREIGN % json.dumps(inspection.url))

        got = browser.visit(script)
        assert got == {"read": False, "cleared": False, "script": False, "image": False, "events": False, "blind": "blocked"}, got
        assert "/orders" in [request["target"] for request in inspection.requests()], "it was cleared"


need("chromium")
run(it_is_seen_live_and_replayed, a_page_of_another_origin_gets_nowhere)
