"""What a stage may refuse, and what may fail around it."""


class StageError(Exception):
    """The stage cannot carry a step of the plan; says which."""


class ExperimentError(Exception):
    """The experiment did not happen: something around the run failed, not what is tested; says what."""
