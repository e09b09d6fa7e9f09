"""A charge point of another making, for tests: written with the ``ocpp`` package, with a queue of its own, and able to do wrong.

It draws 7.2 kW whenever it charges, reads its register with each message, and while it has no connection it queues what it has to tell.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from ocpp.exceptions import OCPPError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import ChargingProfileStatus, ClearChargingProfileStatus
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

logging.getLogger("ocpp").setLevel(logging.CRITICAL)
WATTS = 7_200_000
"""A kilowatt-hour each half second, so that seconds show in a register of whole Wh."""
RETRY_S = 0.5


class _Link(ChargePoint):
    """One connection."""

    @on("SetChargingProfile")
    def profile(self, **_):
        return call_result.SetChargingProfile(status=ChargingProfileStatus.accepted)

    @on("ClearChargingProfile")
    def clear(self, **_):
        return call_result.ClearChargingProfile(status=ClearChargingProfileStatus.accepted)


class Charger:
    """A charger that keeps to its server's address, in a thread of its own.

    ``wrong``: what it does wrong: ``forgets`` (it loses what it queued), ``stops`` (without its server it does not charge), ``1970``
    (what happens without its server bears the time of 1970).
    """

    def __init__(self, url: str, *, wrong: str = "", tls=None, headers=None) -> None:
        self.url = url
        self._options = {"ssl": tls, "additional_headers": headers}
        self.wrong = wrong
        self._loop = asyncio.new_event_loop()
        self._queue: list = []
        self._link: _Link | None = None
        self._charges = False
        self._since = 0.0
        self._wh = self._told_wh = 100.0
        self._transaction: int | None = None
        self._connected_once = False
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)
        self._thread.start()

    # What is done to it, from any thread.

    def plug_in(self) -> None:
        asyncio.run_coroutine_threadsafe(self._plug_in(), self._loop).result(10)

    def unplug(self) -> None:
        asyncio.run_coroutine_threadsafe(self._unplug(), self._loop).result(10)

    def report(self) -> None:
        asyncio.run_coroutine_threadsafe(self._link.call(self._status()), self._loop).result(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)

    # How it works.

    async def _run(self) -> None:
        self._done = asyncio.Event()
        work = asyncio.ensure_future(self._keep_connected())
        await self._done.wait()
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    async def _keep_connected(self) -> None:
        while True:
            with suppress(OSError, EOFError, InvalidHandshake, ConnectionClosed, TimeoutError, OCPPError):
                async with connect(self.url, subprotocols=["ocpp1.6"], open_timeout=2, ping_interval=None, **self._options) as socket:
                    await self._speak(socket)
            self._lost()
            await asyncio.sleep(RETRY_S)

    async def _speak(self, socket) -> None:
        link = _Link(self.url.rpartition("/")[2], socket, response_timeout=3)
        hearing = asyncio.ensure_future(link.start())
        try:
            if not self._connected_once:
                await link.call(call.BootNotification(charge_point_vendor="Acme", charge_point_model="X1", firmware_version="1.2"))
                await link.call(self._status())
                self._connected_once = True
            self._link = link
            while self._queue:
                await self._tell(link, self._queue[0])
                self._queue.pop(0)
            if self.wrong == "stops" and self._transaction is not None:
                self._turn(True)
            await link.call(self._status())
            while not hearing.done():
                await link.call(call.Heartbeat())
                if self._transaction is not None:
                    await link.call(self._reading())
                await asyncio.wait({hearing}, timeout=1)  # it ends with the connection
        finally:
            hearing.cancel()
            with suppress(asyncio.CancelledError, ConnectionClosed):
                await hearing

    def _lost(self) -> None:
        self._link = None
        if self.wrong == "stops" and self._charges:  # at once, however late this thread has its turn
            self._wh, self._charges = self._told_wh, False

    async def _tell(self, link: _Link, message) -> None:
        if isinstance(message, call.StopTransaction):
            message.transaction_id = self._transaction if self._transaction is not None else -1
            self._transaction = None
        answer = await link.call(message)
        if isinstance(message, call.StartTransaction):
            self._transaction = answer.transaction_id

    async def _say(self, message) -> None:
        """Tell something that counts: now, or once there is a connection."""
        if self._link is not None:
            try:
                await self._tell(self._link, message)
                return
            except (ConnectionClosed, TimeoutError, OCPPError):
                pass
        if self.wrong != "forgets":
            self._queue.append(message)
        elif isinstance(message, call.StopTransaction):
            self._transaction = None

    async def _plug_in(self) -> None:
        self._turn(True)
        await self._say(call.StartTransaction(connector_id=1, id_tag="tag", meter_start=self._register(), timestamp=self._now()))
        if self._link is not None:
            await self._link.call(self._status())

    async def _unplug(self) -> None:
        self._turn(False)
        stamp, wh = self._now(), self._register()
        await self._say(call.StopTransaction(transaction_id=-1, meter_stop=wh, timestamp=stamp, reason="EVDisconnected"))
        if self._link is not None:
            await self._link.call(self._status())

    # What it measures.

    def _turn(self, on_: bool) -> None:
        self._wh = self._energy()
        self._charges, self._since = on_, time.monotonic()

    def _energy(self) -> float:
        return self._wh + (WATTS * (time.monotonic() - self._since) / 3600 if self._charges else 0)

    def _register(self) -> int:
        return round(self._energy())

    def _now(self) -> str:
        now = datetime.now(UTC)
        if self.wrong == "1970" and self._link is None:
            now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time.monotonic())
        return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _status(self):
        state = "Charging" if self._charges else "Available"
        return call.StatusNotification(connector_id=1, error_code="NoError", status=state, timestamp=self._now())

    def _reading(self):
        self._told_wh = self._energy()
        value = {"value": str(round(self._told_wh)), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        meter = [{"timestamp": self._now(), "sampledValue": [value]}]
        return call.MeterValues(connector_id=1, transaction_id=self._transaction, meter_value=meter)
