"""The chaos test as one of the tests: two minutes as released, less under sanitizers, with a seed that is always the same."""

import os
import sys
import tempfile

import soak
from patience import SANITIZED

SEED = "20261129"
MINUTES = 0.6 if SANITIZED else 2

shards = [f"--shards={os.environ['HOODY_TUNNEL_SHARDS']}"] if "HOODY_TUNNEL_SHARDS" in os.environ else []
sys.exit(soak.main([str(MINUTES), "--seed", SEED, "--logs", tempfile.mkdtemp(prefix="soak-"), *shards]))
