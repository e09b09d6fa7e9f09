"""Put this folder on the path, so that tests in any folder can use the shared examples here."""

from hypothesis import settings

# The scenario files here are what tests work on; most are wrong on purpose.
collect_ignore_glob = ["*.yaml"]

# How long an example takes is the machine's affair: a busy one would fail what is right.
settings.register_profile("harness", deadline=None)
settings.load_profile("harness")
