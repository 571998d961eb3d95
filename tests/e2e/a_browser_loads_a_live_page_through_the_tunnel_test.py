"""A browser loads a page of fifty parts through the tunnel, with an event stream, a WebSocket and an upload at the same time, and
has nothing to complain of; the service sees it leave.

With HOODY_SCREENSHOT=FILE.png the test leaves a picture of the page."""

import base64
import os

from harness import Daemon, Expose, run, wait_until
from services.browser import Browser
from services.live import Live
from services.programs import need, server_folder

EVERYTHING = {"js": 20, "css": 15, "svg": 15, "events": 30, "echoes": 40, "welcome": True, "uploaded": True, "errors": []}
SCREENSHOT = os.environ.get("HOODY_SCREENSHOT", "")


def page_is_live(*driver_flags):
    with server_folder() as folder, Live(folder) as service, Browser(folder) as browser:
        with Daemon() as daemon, Expose(daemon, service.port, *driver_flags) as driver:

            async def script(tab):
                await tab.go_to(f"http://127.0.0.1:{driver.port}/")
                got = await tab.evaluate("finished")
                picture = (await tab.ask("Page.captureScreenshot"))["data"]
                shown = await tab.evaluate("document.getElementById('counts').textContent")
                left_before = service.left()
                complaints = list(tab.complaints)
                await tab.evaluate("fetch('/nothing').then(() => null)")
                assert tab.complaints[len(complaints) :], "the browser has nothing to say of a 404"
                await tab.ask("Page.close")
                wait_until(lambda: [len(who) for who in service.left().values()] == [1, 1], "the service sees it leave")
                return got, shown, picture, left_before, complaints

            got, shown, picture, left_before, complaints = browser.visit(script)
            if SCREENSHOT:
                with open(SCREENSHOT, "wb") as out:
                    out.write(base64.b64decode(picture))
            assert got == EVERYTHING, got
            assert not complaints, complaints
            assert '"js":20,"css":15,"svg":15,"events":30,"echoes":40' in shown, shown
            assert left_before == {"streams": [], "sockets": []}, left_before
            wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "no stream is left")


def a_page_is_live():
    page_is_live()


def a_page_is_live_over_several_connections():
    page_is_live("--connections", "4")


need("chromium", "node")
run(a_page_is_live, a_page_is_live_over_several_connections)
