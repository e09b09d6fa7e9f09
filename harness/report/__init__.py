"""Reports: what a run showed, for the terminal, a CI job, a test runner and other programs.

Each report is a pure function of an :class:`harness.report.outcome.Outcome`, which is the journal's header, the judgement and what
:mod:`harness.report.outline` counted while the records went by. None reads a file or a clock.
"""
