"""The chart of a run: for each measure a bar for each peer, as long as its ratio to two HAProxy hops."""

import statistics
from xml.sax.saxutils import escape

BAR, GAP, GROUP_GAP = 11, 2, 12
LEFT, RIGHT, TOP, BOTTOM = 290, 70, 60, 30
WIDTH = 960
LONGEST = 3.0  # what is longer is cut, and its figure says how much it is
COLOURS = {"direct": "#9aa0a6", "haproxy2": "#c58b2b", "openssh": "#7b6cb0", "hoody": "#1b7f5c", "hoody-tls": "#5fb597"}
OTHERS = ("#b0566a", "#4a7ab5", "#8a8a3a", "#555555")
TITLE = "Throughput as a multiple of two plain HAProxy hops (more is better)"


def text(x, y, content, size=12, anchor="start", weight="normal"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}">{escape(content)}</text>'
    )


def ratios(measure, results):
    """[(peer, ratio of medians)]; empty where there are no HAProxy hops to compare with."""
    peers = results.get(measure.name, {})
    if measure.headline != "rate" or "haproxy2" not in peers:
        return []
    base = statistics.median(peers["haproxy2"]["rate"])
    return [(peer, statistics.median(values["rate"]) / base) for peer, values in peers.items()]


def legend(peers, colours):
    parts, x = [], LEFT
    for peer in peers:
        parts.append(f'<rect x="{x}" y="30" width="11" height="11" fill="{colours[peer]}"/>')
        parts.append(text(x + 15, 40, peer))
        x += 30 + 8 * len(peer)
    return parts


def chart(measures, results):
    """An SVG document; one without bars when nothing can be compared."""
    groups = [(measure, ratios(measure, results)) for measure in measures]
    groups = [(measure, bars) for measure, bars in groups if bars]
    peers = list(dict.fromkeys(peer for _, bars in groups for peer, _ in bars))
    others = iter(OTHERS)
    colours = {peer: COLOURS.get(peer) or next(others) for peer in peers}
    scale = (WIDTH - LEFT - RIGHT) / LONGEST
    parts, y = [text(10, 20, TITLE, 15, weight="bold"), *legend(peers, colours)], TOP
    for measure, bars in groups:
        height = len(bars) * (BAR + GAP)
        parts.append(text(LEFT - 10, y + height / 2 + 4, measure.title, anchor="end"))
        for peer, ratio in bars:
            length = min(ratio, LONGEST) * scale
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colours[peer]}"/>')
            parts.append(text(LEFT + length + 4, y + BAR - 2, f"{ratio:.2f}", 10))
            y += BAR + GAP
        y += GROUP_GAP
    for mark in (0, 1, 2, 3):
        x = LEFT + mark * scale
        dash = "" if mark == 1 else ' stroke-dasharray="2 3"'
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{y}" stroke="#444"{dash}/>')
        parts.append(text(x, y + 16, f"{mark} x", 11, "middle"))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + BOTTOM}" font-family="sans-serif">'
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, ground, *parts, "</svg>", ""])
