"""Numbers out of many numbers."""
import statistics


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def span(values, digits=3):
    """The median and how far the runs lay apart, for a method's text."""
    return (f"{len(values)} runs, {min(values):.{digits}g} to "
            f"{max(values):.{digits}g}")


median = statistics.median
