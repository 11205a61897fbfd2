"""Measurements behind the targets: ``make bench``. Ratios taken in one run on one machine; never a timed unit test."""
