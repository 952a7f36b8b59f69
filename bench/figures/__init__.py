"""One file a family of figures; each has measure(bench), which adds rows."""
