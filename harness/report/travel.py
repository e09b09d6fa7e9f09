"""How behaviour that OCPP has no words for travels in it, as reports of runs against the embedded server tell it."""

from __future__ import annotations

TRAVELS: dict[str, dict[str, str]] = {
    "ocpp1.6": {
        "hold": "SetChargingProfile: a TxProfile of 0 A with a duration, once the plug-in's StartTransaction is answered",
        "pause": "the same without a duration; where a schedule is stored, in place of an override and as high",
        "release, override": "ClearChargingProfile of TxProfiles; where a stored schedule holds the car, a TxProfile that outranks it",
        "amperage": "ChangeConfiguration of ChargeAmperage, in A",
        "share of a load group": "SetChargingProfile: a ChargePointMaxProfile",
        "schedule": "SetChargingProfile: a TxDefaultProfile of 0 A in its hold windows; off: ClearChargingProfile of it",
    },
    "ocpp2.0.1": {
        "hold": "SetChargingProfile: a TxProfile of 0 A with a duration, once the plug-in's transaction is known",
        "pause": "the same without a duration; where a schedule is stored, in place of an override and as high",
        "release, override": "ClearChargingProfile of TxProfiles; where a stored schedule holds the car, a TxProfile that outranks it",
        "amperage": "SetVariables of ChargingStation ChargeAmperage, in A",
        "share of a load group": "SetChargingProfile: a ChargingStationMaxProfile",
        "schedule": "SetChargingProfile: a TxDefaultProfile of 0 A in its hold windows; off: ClearChargingProfile of it",
        "states": "StatusNotification of the connector, and chargingState in its transaction's events",
    },
}
"""Protocol → what the world means → what travels. Ratings are settings of the station and do not travel."""
FORGETS = "A charger whose memory forgets a hold knowingly does not conform: charging profiles should persist (OCPP 1.6 errata 3.37)."
