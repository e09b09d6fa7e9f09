"""Default bounds, derived from what a model says: how long each promise may take where no clause gives a bound of its own.

How each is derived, :data:`harness.check.catalogue.EXPLANATIONS` says.
"""

from __future__ import annotations

from harness.values import ChargerModel, ServerModel

CLOCK_TOLERANCE_MS = 10_000
"""How far a stamp may lie from its event."""

KINDS: dict[str, str] = {
    "can-always-charge": "starts",
    "hold-ends-on-time": "starts",
    "tou-suspended": "starts",
    "unplug-clears-schedule": "starts",
    "override-needed-after-recovery": "returns",
    "override-kept": "returns",
    "current-within-limits": "limits",
    "reconnects-in-time": "reconnects",
    "settings-converge": "settles",
    "clock-sane": "clock",
    "schedule-runs-offline": "starts",
    "schedule-survives-power-cycle": "starts",
    "hold-lifted-after-loss": "starts",
    "unscheduled-after-power-cut": "starts",
    "random-delay-applied": "starts",
    "unknown-tag-charges-offline": "starts",
    "replug-overrides": "starts",
}
"""Check → the kind of its default bound; the others have none."""


def return_ms(model: ChargerModel, server: ServerModel, latency_ms: int, chargers: int) -> int:
    """How long at most, from a recovery, until the server's commands are acknowledged, one of them lost on the way."""
    return model.link.keepalive_ms + model.link.answer_timeout_ms + 4 * latency_ms + chargers * 1000 // server.answers_per_s


def default_ms(check: str, model: ChargerModel, server: ServerModel, latency_ms: int, chargers: int) -> int:
    """The bound of a check where its clause gives none. ``chargers``: how many the server serves (N)."""
    kind = KINDS.get(check, "none")
    start_ms = model.power_up.start_delay_ms + model.power_up.random_delay_ms
    if kind == "starts":
        return start_ms
    if kind == "returns":
        return return_ms(model, server, latency_ms, chargers) + start_ms
    if kind == "settles":
        return return_ms(model, server, latency_ms, chargers)
    if kind == "reconnects":
        link = model.link
        accepts_ms = chargers * 1000 // server.accepts_per_s
        return link.noticing_ms + link.backoff.largest_ms + link.answer_timeout_ms + 4 * latency_ms + accepts_ms
    if kind == "limits":
        return model.power_up.random_delay_ms
    return CLOCK_TOLERANCE_MS if kind == "clock" else 0
