"""What `harness mutants` plants: each quirk, and each field of a model that says the wrong thing."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from harness.fault.quirks import CHARGER_QUIRKS, SERVER_QUIRKS


class Mutant(Struct, frozen=True, kw_only=True):
    """A wrong behaviour that can be planted in any charger model, or in any server model."""

    name: str
    says: str
    of: Literal["charger", "server"]
    path: str = "quirks"
    """The field of the model that says so."""
    value: str | tuple[str, ...] = ()
    adds: str = ""
    """What the field's list has besides; with ``removes`` in place of ``value``."""
    removes: str = ""

    def told(self, model: Struct) -> str | tuple[str, ...]:
        """What the field says in a model in which this is planted."""
        if not (self.adds or self.removes):
            return self.value
        found: Any = model
        for part in self.path.split("."):
            found = getattr(found, part)
        return tuple(each for each in dict.fromkeys((*found, self.adds)) if each and each != self.removes)


def _quirk(name: str, says: str, of: Literal["charger", "server"]) -> Mutant:
    return Mutant(name=name, says=says, of=of, value=(name,))


MUTANTS = {
    mutant.name: mutant
    for mutant in (
        *(_quirk(name, says, "charger") for name, says in CHARGER_QUIRKS.items()),
        *(_quirk(name, says, "server") for name, says in SERVER_QUIRKS.items()),
        Mutant(name="hold-lost-at-server-loss", says="The loss of the server ends a hold.", of="charger",
               path="memory.hold", adds="server-loss"),
        Mutant(name="hold-survives-power-cycle", says="A hold is not forgotten when the station is unplugged.", of="charger",
               path="memory.hold", removes="power-cycle"),
        Mutant(name="schedule-cleared-by-server-loss", says="The loss of the server clears the stored schedule.", of="charger",
               path="memory.schedule", adds="server-loss"),
        Mutant(name="wire-rating-forgotten", says="A power cycle clears the wire rating.", of="charger",
               path="memory.wire_rating", adds="power-cycle"),
        Mutant(name="availability-forgotten", says="A power cycle puts the station back into service.", of="charger",
               path="memory.availability", adds="power-cycle"),
        Mutant(name="hold-survives-server-loss", says="The loss of the server does not end a pause.", of="charger",
               path="memory.hold", removes="server-loss"),
        Mutant(name="new-car-charged-offline", says="Without its server the charger takes every new car.", of="charger",
               path="server_loss.new_car", value="charges"),
        Mutant(name="new-car-waits-offline", says="Without its server the charger lets a new car wait.", of="charger",
               path="server_loss.new_car", value="waits"),
        Mutant(name="unknown-tag-waits-offline", says="Without its server the charger lets a tag that it does not know wait.", of="charger",
               path="server_loss.unknown_tag", value="waits"),
        Mutant(name="offline-limit-ignored", says="Without its server the charger goes up to its wire rating.", of="charger",
               path="server_loss.limit", value="wire-rating"),
        Mutant(name="schedule-survives-power-cycle", says="A power cycle does not clear the stored schedule.", of="charger",
               path="memory.schedule", removes="power-cycle"),
        Mutant(name="schedule-forgotten-at-power-up", says="A power cycle clears the stored schedule.", of="charger",
               path="memory.schedule", adds="power-cycle"),
        Mutant(name="new-car-refused-offline", says="Without its server the charger takes no new car.", of="charger",
               path="server_loss.new_car", value="refused"),
        Mutant(name="not-resumed-after-power-up", says="A charge that a power cut ended is not resumed.", of="charger",
               path="power_up.resumes", value="false"),
        Mutant(name="override-survives-restart", says="A restart of the server forgets no override.", of="server",
               path="forgets_at_restart"),
    )
}  # fmt: skip
"""All that can be planted, by name."""
