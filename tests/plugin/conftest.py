"""What the tests of the pytest plugin share."""

import pytest


@pytest.fixture(scope="package", autouse=True)
def _loaded():
    """Load all that a run takes: what is first loaded within an inner pytest is dropped at its end, and parsers do not survive that."""
    import harness
    import harness.pytest_items

    harness.run("answer-lost")
