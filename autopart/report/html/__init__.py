"""One page about one plan: ``report.html`` of a run, which opens from disk and loads nothing."""
