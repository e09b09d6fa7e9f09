"""The live stage: the same world on the wall clock, its messages real OCPP frames over WebSockets, its network real Toxiproxy."""
