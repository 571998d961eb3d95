"""What hoody-tunnel is to reach: ratios within one run on one machine, never an absolute time."""

import dataclasses
import operator
import statistics

SIGNS = {">=": operator.ge, "<": operator.lt, ">": operator.gt}


@dataclasses.dataclass(frozen=True)
class Verdict:
    what: str
    figure: str  # as shown
    sign: str
    target: float
    unit: str
    reached: bool


def median(results, measure, peer, value):
    """None when it was not measured in this run."""
    numbers = results.get(measure, {}).get(peer, {}).get(value)
    return statistics.median(numbers) if numbers else None


class Judge:
    def __init__(self, results):
        self.results = results
        self.given = []

    def give(self, what, figure, sign, target, unit=""):
        if figure is not None:
            shown = f"{figure:.2f}" if figure < 100 else f"{figure:.0f}"
            self.given.append(Verdict(what, shown, sign, target, unit, SIGNS[sign](figure, target)))

    def ratio(self, of, to):
        """of, to: (measure, peer, value)."""
        of, to = median(self.results, *of), median(self.results, *to)
        return of / to if of is not None and to else None

    def rate(self, measure, times, than="haproxy2", who="hoody", sign=">="):
        figure = self.ratio((measure, who, "rate"), (measure, than, "rate"))
        self.give(f"{measure}: {who} to {than}", figure, sign, times, " x")


def judge(results):
    """The verdicts on what this run has measured."""
    verdicts = Judge(results)
    for measure in ("get64", "get256"):
        verdicts.rate(measure, 1.3)
        verdicts.rate(measure, 0.45, than="direct")
    verdicts.rate("get1", 1.0)
    verdicts.rate("connect", 1.2)
    for name in ("download", "upload", "pull-down", "pull-up"):
        for streams in (1, 4):
            verdicts.rate(f"{name}{streams}", 0.9)
    for connections in (1, 16):
        verdicts.rate(f"pingpong{connections}", 1.0)
    for measure in ("get1", "get64", "get256"):
        hops = [median(results, measure, "haproxy2", f"cpu_{hop}") for hop in ("outer", "inner")]
        daemon = median(results, measure, "hoody", "cpu_daemon")
        if daemon is not None and all(hops):
            verdicts.give(f"{measure}: daemon's CPU to one HAProxy hop's", daemon / statistics.mean(hops), "<", 1.2, " x")
    for measure in ("idle-events", "idle-pull"):
        idle = median(results, measure, "hoody", "rss_daemon_0")
        verdicts.give(f"{measure}: daemon's RSS without streams", idle and idle / (1 << 20), "<", 8, " MiB")
        of_one = median(results, measure, "hoody", "stream_daemon")
        verdicts.give(f"{measure}: daemon's RSS for each idle stream", of_one and of_one / 1024, "<", 2, " KiB")
    beside = verdicts.ratio(("beside", "hoody", "p99_us"), ("beside", "hoody", "alone_p99_us"))
    verdicts.give("beside: p99 beside a download to p99 alone", beside, "<", 3, " x")
    busiest = verdicts.ratio(("sessions2", "two-shards", "busiest"), ("sessions2", "one-shard", "busiest"))
    verdicts.give("sessions2: the daemon's busiest thread, on two shards to on one", busiest, "<", 0.6, " x")
    for milliseconds in (20, 100):
        for way in ("down", "up"):
            verdicts.rate(f"link{milliseconds}-{way}", 0.8, than="direct", sign=">")
    for name in ("download", "upload", "pull-down", "pull-up"):
        verdicts.rate(f"{name}1", 0.5, than="hoody", who="hoody-tls", sign=">")
    return verdicts.given
