"""Put this folder on the path, so that tests in any folder can use the shared examples here."""

from hypothesis import settings

# How long an example takes is the machine's affair: a busy one would fail what is right.
settings.register_profile("harness", deadline=None)
settings.load_profile("harness")
