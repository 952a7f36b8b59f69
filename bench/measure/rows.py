"""Rows of the table: what was measured, beside whom, and what must hold.

A bound is for our value or for the ratio of ours to the peer's; smaller is
better in every row. A row without a bound is there for comparison.
"""
import json


class Bound:
    """`least` must hold for `judged` ("ours" or "ratio"); `aim` is wished."""

    def __init__(self, judged, least, aim):
        self.judged, self.least, self.aim = judged, least, aim


def number(value):
    return None if value is None else float(f"{value:.4g}")


class Rows:
    def __init__(self):
        self.rows = []

    def add(self, figure, ours, unit, method, peer=None, peer_value=None,
            bound=None):
        ratio = None
        if ours is not None and peer_value:
            ratio = number(ours / peer_value)
        row = {"figure": figure, "ours": number(ours), "peer": peer,
               "peer_value": number(peer_value), "ratio": ratio, "unit": unit,
               "least": None, "aim": None, "judged": None, "holds": None,
               "method": method}
        if bound:
            value = row[bound.judged]
            row.update(least=bound.least, aim=bound.aim, judged=bound.judged,
                       holds=value is not None and value <= bound.least)
        self.rows.append(row)
        print(line(row), flush=True)

    def add_peers(self, figure, ours, unit, method, peers, bound=None):
        """One row for each of {name: value or the reason why not}; a bound on
        our own value is judged in the first."""
        for name, value in peers.items():
            told = method
            if isinstance(value, str):
                told, value = f"{method}; no peer value: {value}", None
            self.add(figure, ours, unit, told, name, value, bound)
            bound = None

    def failed(self):
        return [row for row in self.rows if row["holds"] is False]

    def write(self, path, whole=True):
        """A run of some families only replaces their rows."""
        rows = self.rows
        if not whole and path.exists():
            rows = replaced(json.loads(path.read_text()), rows)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(rows, indent=1) + "\n")


def replaced(old, new):
    """The old rows, with the new ones in the places of those of their
    figures."""
    def of(figure):
        return [row for row in new if row["figure"] == figure]
    rows, placed = [], set()
    for row in old:
        if row["figure"] not in placed:
            rows += of(row["figure"]) or [row]
        if of(row["figure"]):
            placed.add(row["figure"])
    return rows + [row for row in new if row["figure"] not in placed]


def text(value, unit=""):
    if value is None:
        return "none"
    return f"{value:.4g} {unit}".rstrip()


def ratio_text(row):
    if row["ratio"] is None:
        return ""
    return f"{row['ratio']:.3g}" if row["ratio"] >= 0.001 else "under 0.001"


def verdict(row):
    """What must hold, and whether it does."""
    if row["judged"] is None:
        return ""
    unit = "x" if row["judged"] == "ratio" else row["unit"]
    what = f"{text(row['least'], unit)}, aim {text(row['aim'])}"
    if not row["holds"]:
        return f"MISSED ({what})"
    return f"{'aim' if row[row['judged']] <= row['aim'] else 'holds'} ({what})"


def line(row):
    peer = ""
    if row["peer"]:
        peer = f"{row['peer']}: {text(row['peer_value'], row['unit'])}"
    ratio = ratio_text(row)
    return (f"{row['figure']:<52} {text(row['ours'], row['unit']):>14}  "
            f"{ratio + ' x' * bool(ratio):>13}  {peer:<42} "
            f"{verdict(row)}").rstrip()


def markdown(rows):
    yield "| figure | Pharos | ratio | beside | must hold |"
    yield "|---|---|---|---|---|"
    for row in rows:
        peer = ""
        if row["peer"]:
            peer = f"{row['peer']}: {text(row['peer_value'], row['unit'])}"
        yield (f"| {row['figure']} | {text(row['ours'], row['unit'])} | "
               f"{ratio_text(row)} | {peer} | {verdict(row)} |")
