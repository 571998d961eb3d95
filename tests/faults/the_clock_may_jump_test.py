"""The wall clock jumps a day ahead and a day behind, ten times a second: nothing that daemon, drivers and commands do depends on
it."""

import os
import re
import tempfile

import faults
from harness import run

DAY_S = 86400


def every_scenario_goes_as_ever():
    with tempfile.TemporaryDirectory(prefix="clock-") as folder:
        for scenario in faults.all_scenarios():
            environment = scenario.environment(os.path.join(folder, scenario.name), HOODY_FAULTS_CLOCK=str(DAY_S))
            life, process, verdict, _ = scenario.live(environment, None)
            scenario.finish(process)
            outcome = faults.Run("")
            faults.judge(outcome, life, process, verdict)
            assert outcome.outcome == faults.NOTHING, (scenario.name, outcome.outcome, outcome.why, outcome.words[-2000:])


def it_really_jumps():
    with tempfile.TemporaryDirectory(prefix="clock-") as folder:
        scenario = faults.all_scenarios()[0]
        environment = scenario.environment(os.path.join(folder, "record"), HOODY_FAULTS_CLOCK=str(DAY_S))
        _, process, _, _ = scenario.live(environment, None)
        scenario.finish(process)
        days = set(re.findall(r"^(\d{4}-\d\d-\d\d)T", process.stderr(), re.MULTILINE))
        assert len(days) >= 2, days


run(every_scenario_goes_as_ever, it_really_jumps)
