"""Prometheus text format 0.0.4, read as strictly as its specification allows,
with the naming rules that `promtool check metrics` knows."""
import collections
import re

Family = collections.namedtuple("Family", "name kind help samples")

NAME = re.compile(r"[a-z_:][a-z0-9_:]*\Z")
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? "
                    r"([0-9]+(?:\.[0-9]+)?|NaN|\+Inf)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
                   r"(?:,|\Z)")
NOT_BASE_UNITS = {"milliseconds", "microseconds", "ms", "us", "minutes",
                  "hours", "days", "kilobytes", "kib", "mib", "percent"}
SUFFIXES = ("_bucket", "_sum", "_count")


class Wrong(Exception):
    """The text breaks a rule."""


def check(truth, *what):
    if not truth:
        raise Wrong(": ".join(map(str, what)))


def labels_of(text):
    found, at = {}, 0
    while at < len(text or ""):
        match = LABEL.match(text, at)
        check(match, "labels", text)
        check(match[1] not in found, "label twice", text)
        found[match[1]] = match[2]
        at = match.end()
    return found


def family_name(sample, kind):
    if kind == "histogram":
        for suffix in SUFFIXES:
            if sample.endswith(suffix):
                return sample.removesuffix(suffix)
    return sample


def check_name(family):
    name, words = family.name, family.name.split("_")
    check(NAME.match(name), "name", name)
    check(family.help, "no HELP", name)
    check(not NOT_BASE_UNITS & set(words), "not a base unit", name)
    check((family.kind == "counter") == name.endswith("_total"),
          "_total is for counters", name)
    if family.kind != "histogram":
        check(not name.endswith(SUFFIXES), "suffix of histograms", name)
    else:
        check(name.endswith("_seconds"), "unit of a histogram", name)


def check_histogram(family):
    series = collections.defaultdict(dict)
    for sample, labels, value in family.samples:
        bound = labels.get("le")
        rest = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
        series[rest].setdefault(sample.removeprefix(family.name), []).append(
            (bound, value))
    for parts in series.values():
        check(set(parts) == set(SUFFIXES), "incomplete", family.name)
        bounds = [float(bound) for bound, _ in parts["_bucket"]]
        counts = [count for _, count in parts["_bucket"]]
        check(bounds == sorted(set(bounds)), "order of le", family.name)
        check(bounds[-1] == float("inf"), "no +Inf", family.name)
        check(counts == sorted(counts), "not cumulative", family.name)
        check(parts["_count"] == [(None, counts[-1])], "_count", family.name)
        check(len(parts["_sum"]) == 1, "_sum", family.name)


def parse(text):
    """{name: Family}; Wrong if a scraper could object."""
    families, seen, current = {}, set(), None
    helps = {}
    check(text.endswith("\n"), "no end of line")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, words = line.split(" ", 3)
            check(name not in helps, "HELP twice", name)
            helps[name] = words
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            check(name not in families, "TYPE twice", name)
            check(kind in ("counter", "gauge", "histogram"), "kind", line)
            current = Family(name, kind, helps.get(name), [])
            families[name] = current
        else:
            match = SAMPLE.match(line)
            check(match, "sample", line)
            check(current and family_name(match[1], current.kind)
                  == current.name, "not below its TYPE", line)
            series = match[1], tuple(sorted(labels_of(match[2]).items()))
            check(series not in seen, "series twice", line)
            seen.add(series)
            current.samples.append(
                (match[1], labels_of(match[2]), float(match[3])))
    check(set(helps) == set(families), "HELP without TYPE",
          set(helps) ^ set(families))
    for family in families.values():
        check_name(family)
        check(family.samples, "no sample", family.name)
        if family.kind == "histogram":
            check_histogram(family)
    return families


def value(families, sample, **labels):
    """Of one series, by its sample's name."""
    for family in families.values():
        for name, has, number in family.samples:
            if name == sample and has == labels:
                return number
    raise KeyError((sample, labels))
