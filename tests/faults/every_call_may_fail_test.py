"""Each call of the system that the programs reach fails once, and a few of those for memory: no crash, no hang, no leak, no wrong
answer, and who ends says why. `ops/faults` is the long form."""

import sys

import faults

SHARE_OF_MEMORY = "0.03"

sys.exit(faults.main(["--memory", SHARE_OF_MEMORY, "--seed", "20261129", "--jobs", "4"]))
