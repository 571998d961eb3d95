"""How tests wait, and for how long."""

import os
import time

SANITIZED = os.environ.get("HOODY_SANITIZE", "") != ""
PATIENCE = 60 if SANITIZED else 20  # seconds until a wait is given up: never a measure of anything


def wait_until(condition, what):
    """Returns the first true value of condition(); asks again until PATIENCE is over."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(0.02)
