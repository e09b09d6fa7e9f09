"""The scenarios made for a server of one's own, against one that is not ours, and against the same with one planted fault.

Takes a minute and a half, in which it mostly waits: against your server time is the wall clock's. So all run at the same time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from ocpp_rpc import Peer

from harness import shipped

FOUND_BY = {
    "books-repeated-start": ("live/answers-lost", "transactions-accounted"),
    "books-repeated-end": ("live/bad-charger-repeats", "transactions-accounted"),
    "error-to-unknown": ("live/bad-charger-unknown-session", "frames-valid"),
    "silent-to-unknown": ("live/bad-charger-unknown-session", "messages_lost"),
    "closes-on-unknown": ("live/bad-charger-unknown-session", "stays-connected"),
    "invalid-answer": ("live/half-open", "frames-valid"),
    "forgets-at-restart": ("live/server-restarts", "transactions-accounted"),
}
"""What the server does wrong → a scenario, and the check of it that must find that."""
RESTARTS = "live/server-restarts"
PASSWORD = "a secret of the test"
READ = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"


class Against:
    """A run of one scenario against a peer, begun."""

    def __init__(self, name: str, peer: Peer, folder: Path, toxiproxy: str) -> None:
        self.out = folder / "run"
        target = folder / f"{folder.name}.yaml"
        page = f"http://127.0.0.1:{peer.port}"
        url = f"ws://127.0.0.1:{peer.port}/ocpp/{{station}}"
        told = {
            "harness": "1", "url": url, "station": f"{folder.name}-{{charger}}", "password": PASSWORD, "ready": f"{page}/health",
            "books": [sys.executable, "-c", READ, f"{page}/books"], "commands": peer.commands(),
        }  # fmt: skip
        target.write_text(json.dumps(told), encoding="utf-8")
        words = ["run", name, "--live", "--target", str(target), "--toxiproxy", toxiproxy, "--out", str(self.out)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def ended(self) -> tuple[int, dict[str, str], str]:
        """Its exit code, the verdict of each check, and all that it printed."""
        told, _ = self.process.communicate()
        result = self.out / "result.json"
        checks = json.loads(result.read_text(encoding="utf-8"))["checks"] if result.is_file() else []
        return self.process.returncode, {check["name"]: check["verdict"] for check in checks}, told


def test_a_right_server_passes_all_and_each_planted_fault_is_found(ocpp_rpc, toxiproxy, tmp_path):
    proxies = f"{toxiproxy.host}:{toxiproxy.port}"
    with ExitStack() as cleanup:

        def against(scenario: str, name: str, *, wrong: str = "", own: bool = True) -> Against:
            folder = tmp_path / name.rpartition("/")[2]
            folder.mkdir()
            peer = Peer(folder, wrong=wrong) if own else ocpp_rpc
            if own:
                cleanup.callback(peer.stop)
            run = Against(scenario, peer, folder, proxies)
            cleanup.callback(run.process.kill)
            return run

        # Only who is restarted needs a server of its own.
        begun = {name: against(name, name, own=name == RESTARTS) for name in shipped.scenario_names("live")}
        planted = {wrong: against(name, wrong, wrong=wrong) for wrong, (name, _) in FOUND_BY.items()}
        for name, run in begun.items():
            code, checks, told = run.ended()
            assert code == 0, f"{name}:\n{told}"
            assert set(checks.values()) <= {"pass", "unknown"}, name
            assert checks["frames-valid"] == checks["transactions-accounted"] == "pass", name
        for wrong, run in planted.items():
            code, checks, told = run.ended()
            assert (code, checks[FOUND_BY[wrong][1]]) == (1, "fail"), f"{wrong}:\n{told}"
        assert ocpp_rpc.page("problems") == []
