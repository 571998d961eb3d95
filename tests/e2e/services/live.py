"""The live service, live.js, on Node."""

import json
import os
import shutil

from harness import simple_get

from .programs import Server

HERE = os.path.dirname(__file__)


class Live(Server):
    def __init__(self, folder):
        for name in ("live.js", "live.html"):  # whom it runs as may not be able to read them where they are
            shutil.copyfile(f"{HERE}/{name}", f"{folder}/{name}")
        super().__init__(folder, "node", "{folder}/live.js", "{port}", "{folder}/live.html")

    def left(self):
        """Those who went: {"streams": [name...], "sockets": [[code, reason] or None...]}."""
        return json.loads(simple_get(self.port, "/left")[2])
