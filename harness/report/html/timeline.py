"""The timeline: lanes, bands and plots over one time axis, as SVG that scales with the page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from harness.check.result import Judgement
from harness.fault import KINDS, RESPONSES
from harness.report.clock import Clock
from harness.report.html.gather import CLASSES, Course, Gatherer, Span
from harness.report.html.text import data, name, plain, say, tag
from harness.report.words import REASONS
from harness.units import format_current, format_duration_ms
from harness.values import Scenario
from harness.zones import zone

MOST_LANES = 40
"""So many chargers have a lane each; of more, those that failed and the extreme ones have."""
EXTREMES = 24
_DAY_MS = 86_400_000
_TICKS_MS = tuple(minutes * 60_000 for minutes in (1, 5, 15, 30, 60, 180, 360, 720, 1440, 2880, 10080))
_LABELS_WIDE = 8
"""So many labels fit beside each other without zoom."""
ZOOMS = (1, 2, 4, 8, 16, 32)
_HEIGHT = 100
_WORDS = {
    "charging": "charges", "held": "held: the station does not let it charge", "full": "the car takes no more",
    "waiting": "preparing, or finishing", "free": "no car", "off": "no power, booting or out of service",
}  # fmt: skip


def chosen(scenario: Scenario, gathered: Gatherer, judgement: Judgement) -> list[Course]:
    """Whose lanes are shown, in the scenario's order: all, or those that failed, have names of their own, or are the extremes."""
    courses = list(gathered.courses.values())
    if len(courses) <= MOST_LANES:
        return courses
    failing = [name for check in judgement.checks if check.verdict == "fail" for name in check.failing]
    firsts = [check.witness.charger for check in judgement.checks if check.witness is not None]
    single = [entry.name for entry in scenario.chargers if not entry.count]
    wanted = dict.fromkeys(name for name in (*firsts, *single, *failing) if name in gathered.courses)
    picked = {name: gathered.courses[name] for name in list(wanted)[: MOST_LANES - EXTREMES // 2]}
    rankings = (
        sorted(courses, key=lambda course: (-course.short_wh, course.index)),
        sorted(courses, key=lambda course: (-course.longest_ms, course.index)),
        sorted(courses, key=lambda course: (course.outage_ms, course.index)),
    )
    for place in range(EXTREMES // len(rankings)):
        for ranking in rankings:
            if len(picked) < MOST_LANES:
                picked.setdefault(ranking[place].name, ranking[place])
    return sorted(picked.values(), key=lambda course: course.index)


class Timeline:
    """Builds the timeline of a run."""

    def __init__(self, scenario: Scenario, gathered: Gatherer, twin_wh: Sequence[int], causes: Collection[str]) -> None:
        """``causes``: the steps that took the server away from somebody."""
        self.scenario = scenario
        self._causes = causes
        self.gathered = gathered
        self.twin_wh = twin_wh
        self.clock = Clock(scenario)
        self.end_ms = max(1, scenario.duration_ms)
        self.unit_ms = max(1000, -(-self.end_ms // 20_000_000) * 1000)
        """Drawings and the page's script count time in these."""
        self.width = -(-self.end_ms // self.unit_ms)
        self._meanings: dict[tuple[str, str], int] = {}
        self.lanes: list[list[Any]] = []
        """For the script: of each lane its name and its stretches, as moment and meaning by turns."""
        self.series: list[list[Any]] = []

    # Lanes.

    def _x(self, t: int) -> int:
        return min(self.width, max(0, round(t / self.unit_ms)))

    def _percent(self, t: int) -> str:
        return f"{100 * min(max(t, 0), self.end_ms) / self.end_ms:.3f}%"

    def _means(self, kind: str, text: str) -> int:
        return self._meanings.setdefault((kind, plain(text)), len(self._meanings))

    def _lane(self, label: str, stretches: Iterable[tuple[int, int, str, str]], *, marks: str = "", inner: str = "") -> str:
        """A row: stretches as (begins, ends, kind, words) are drawn by kind and told in words."""
        paths: dict[str, list[str]] = {}
        told: list[int] = []
        for begins, ends, kind, words in stretches:
            x, wide = self._x(begins), max(1, self._x(ends) - self._x(begins))
            paths.setdefault(kind, []).append(f"M{x} 0h{wide}v10h-{wide}z")
            told += (begins // self.unit_ms, self._means(kind, words))
        drawn = "".join(f'<path class="s {kind}" d="{"".join(parts)}"/>' for kind, parts in paths.items() if kind != "none")
        picture = f'<svg viewBox="0 0 {self.width} 10" preserveAspectRatio="none" aria-hidden="true">{drawn}{inner}</svg>'
        self.lanes.append([plain(label, 60), *told])
        handle = tag(
            "div", picture, class_="lane", tabindex="0", role="slider", aria_label=plain(label, 60), aria_valuemin="0",
            aria_valuemax=self.width, aria_valuenow="0", aria_valuetext="use the arrow keys", data_lane=len(self.lanes) - 1,
        )  # fmt: skip
        return tag("div", tag("div", name(label, 60), class_="label") + tag("div", handle + marks, class_="cell"), class_="row")

    def charger(self, course: Course, pins: str) -> str:
        """The lane of a charger, with what it did and why, its outages, and the pins of its failures."""
        gathered = self.gathered
        outages = course.outages

        def told() -> Iterable[tuple[int, int, str, str]]:
            for each in gathered.course_of(course):
                current = format_current(each.ma) if each.ma else "no current"
                yield each.begins, each.ends, CLASSES[each.state], f"{each.state}, {current}: {REASONS[each.reason]}"
            yield from self._unknown()

        away = "".join(f"M{self._x(begins)} 8h{max(1, self._x(ends) - self._x(begins))}v2H{self._x(begins)}z" for begins, ends in outages)
        inner = f'<path class="away" d="{away}"/>' if away else ""
        hidden = "".join(
            f"M{self._x(begins)} 3h{max(1, self._x(ends) - self._x(begins))}v4H{self._x(begins)}z" for begins, ends in course.unseen
        )
        inner += f'<path class="unseen" d="{hidden}"/>' if hidden else ""
        deeds = "".join(
            tag("i", "", class_="deed", style=f"left:{self._percent(deed.t)}", title=f"{deed.action}: {deed.outcome}")
            for deed in course.deeds
        )  # fmt: skip
        return self._lane(course.name, told(), marks=deeds + pins, inner=inner)

    def servers(self) -> str:
        """A lane for the server, or for each shard of it."""
        rows = []
        for shard, spans in self.gathered.servers.items():
            label = "server" if len(self.gathered.servers) == 1 else f"server, shard {shard}"
            told = [(span.begins, span.ends, f"server-{span.name}", f"the server is {span.name}") for span in spans]
            rows.append(self._lane(label, (*told, *self._unknown())))
        return "".join(rows)

    def tariffs(self) -> str:
        """A lane for each tariff that chargers are on."""
        rows = []
        for key in dict.fromkeys(entry.tariff for entry in self.scenario.chargers):
            tariff = self.scenario.tariffs[key]
            edges = [*tariff.periods[1:], None]
            spans = []
            for period, following in zip(tariff.periods, edges, strict=True):
                ends = self.end_ms if following is None else min(following.start_ms, self.end_ms)
                rank = min(2, tariff.levels.index(period.level))
                kind = f"price-{rank if len(tariff.levels) > 1 else 2}"
                price = f"{period.level}: {period.microprice / 1e6:.4g} {tariff.currency} per kWh"
                if ends > max(0, period.start_ms):
                    spans.append((max(0, period.start_ms), ends, kind, price))
            rows.append(self._lane(f"tariff {tariff.name}", spans))
        return "".join(rows)

    def steps(self) -> str:
        """A lane for each fault of the plan that acted, then for what responders did, and the bands of what took the server away."""
        rows, bands = [], []
        spans = [span for span in self.gathered.steps.values() if not span.note.startswith("driver.")]
        responds = False
        for span in sorted(spans[:MOST_LANES], key=lambda span: span.note in RESPONSES):
            if span.note in RESPONSES and not responds:
                responds = True
                rows.append(tag("div", tag("div", "Responders", class_="label group"), class_="row"))
            rows.append(self._lane(span.name, self._acting(span)))
            if span.name in self._causes:
                wide = f"calc({self._percent(span.ends)} - {self._percent(span.begins)})"
                bands.append(tag("div", "", class_="band", style=f"left:{self._percent(span.begins)};width:{wide}"))
        return tag("div", "".join(bands), class_="bands", aria_hidden="true") + "".join(rows)

    def _acting(self, span: Span) -> list[tuple[int, int, str, str]]:
        lasted = f" for {format_duration_ms(span.ends - span.begins)}" if span.ends > span.begins else ""
        ends = max(span.ends, span.begins + max(self.unit_ms, self.end_ms // 300))  # what is shorter would not be seen
        known = self.gathered.end_ms
        over = [(ends, known, "none", f"{span.note} is over")] if ends < known else []
        kind, acts = ("response", f"responders: {span.note}") if span.note in RESPONSES else ("fault", f"{span.note} acts")
        return [
            (0, span.begins, "none", f"{span.note} has not begun"), (span.begins, ends, kind, f"{acts}{lasted}"), *over,
            *self._unknown(ends),
        ]  # fmt: skip

    def _unknown(self, since: int = 0) -> list[tuple[int, int, str, str]]:
        """The rest of a lane that nothing tells of: of a run that was cut off."""
        begins = max(since, self.gathered.end_ms)
        return [(begins, self.end_ms, "none", "nothing is known: the journal ends before")] if begins < self.end_ms else []

    # Plots.

    def _plot(self, label: str, unit: str, top: float, content: str, series: Mapping[str, Sequence[float]], *, keys: bool = True) -> str:
        """A row with a plot whose upper edge is ``top``, with a key for each series unless its colours are told elsewhere."""
        wide = self.end_ms / self.gathered.width_ms  # the last bin may not be a whole one
        picture = f'<svg viewBox="0 0 {wide:.6g} {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        heads = [plain(word) for word in series]
        self.series.append([plain(label), unit, heads, *([_rounded(value) for value in values] for values in series.values())])
        handle = tag(
            "div", f"{picture}{content}</svg>", class_="plot", tabindex="0", role="slider", aria_label=plain(label),
            aria_valuemin="0", aria_valuemax=self.width, aria_valuenow="0", aria_valuetext="use the arrow keys",
            data_plot=len(self.series) - 1,
        )  # fmt: skip
        words = series if keys else ()
        told = tag("span", say(label)) + tag("span", f"axis: 0 to {top:g} {say(unit)}", class_="scale")
        told += "".join(tag("span", f'<i class="k k{place}"></i>{say(word)}', class_="key") for place, word in enumerate(words))
        return tag("div", tag("div", told, class_="label") + tag("div", handle, class_="cell"), class_="row tall")

    def plots(self) -> str:
        """Power and twin, chargers by state and online, the queue, and the way back."""
        gathered = self.gathered
        power, twin = gathered.kw(gathered.bins.wh()), gathered.kw(self.twin_wh)
        top = _nice(max([*power, *twin, 0.001]))
        content = self._dear() + _area(power, top, "a0") + (_line(twin, top, "l1") if twin else "")
        series = {"with the faults": power} | ({"without (twin)": twin} if twin else {})
        rows = [self._plot("power of all chargers", "kW", top, content, series)]
        rows += [self._density()] if len(gathered.courses) > 1 else []
        count = len(gathered.courses)
        least = gathered.least_online()
        rows.append(self._plot("online, by their own view", "", count, _area(least, count, "a2"), {"at the least": least}))
        queue = gathered.most_queued()
        top = _nice(max([*queue, 1]))
        rows.append(self._plot("transaction messages that wait", "", top, _area(queue, top, "a3"), {"at the most": queue}))
        tries, met = gathered.tries_per_s(), gathered.met_per_s()
        limit = self.scenario.server.accepts_per_s
        paced = any(step.do in KINDS and KINDS[step.do].changes_capacity for step in self.scenario.plan)
        top = _nice(max([*tries, *met, 0.001]))
        shown = [limit] * len(met) if limit <= top and not paced else []
        content = _area(met, top, "a4") + _line(tries, top, "l1") + (_line(shown, top, "limit") if shown else "")
        takes = "steps of the plan change how many it takes" if paced else f"it takes {limit} per s" + ("" if shown else ", far above this")
        words = f"back to the server; {takes}"
        rows.append(self._plot(words, "per s", top, content, {"taken in, busiest second": met, "attempts, on average": tries}))
        return "".join(rows)

    def _density(self) -> str:
        """All chargers by state, one upon the other."""
        states = self.gathered.states()
        count = len(self.gathered.courses)
        below = [0] * self.gathered.known
        content = ""
        for kind in ("charging", "held", "waiting", "full", "off", "free"):
            above = [low + more for low, more in zip(below, states[kind], strict=True)]
            content += _between(below, above, count, f"s {kind}")
            below = above
        return self._plot("all chargers by state", "", count, content, {_WORDS[kind]: states[kind] for kind in states}, keys=False)

    def _dear(self) -> str:
        """When energy is dearest, by the tariff that most chargers are on."""
        members: dict[str, int] = {}
        for entry in self.scenario.chargers:
            members[entry.tariff] = members.get(entry.tariff, 0) + max(1, entry.count)
        tariff = self.scenario.tariffs[max(members, key=lambda key: members[key])]
        if len(tariff.levels) < 2:
            return ""
        ends = [period.start_ms for period in tariff.periods[1:]] + [self.end_ms]
        width_ms = self.gathered.width_ms
        spans = [
            (max(0, period.start_ms) / width_ms, min(end, self.end_ms) / width_ms)
            for period, end in zip(tariff.periods, ends, strict=True)
            if period.level == tariff.levels[0] and end > 0 and period.start_ms < self.end_ms
        ]  # fmt: skip
        return f'<path class="s price-0" d="{"".join(f"M{begins:.1f} 0H{end:.1f}V{_HEIGHT}H{begins:.1f}z" for begins, end in spans)}"/>'

    # The whole.

    def axis(self) -> str:
        """Labels for each zoom: those of a finer one are hidden until it is reached."""
        seen: set[int] = set()
        labels: list[str] = []
        for level, zoom in enumerate(ZOOMS):
            every = next((tick for tick in _TICKS_MS if self.end_ms / tick <= _LABELS_WIDE * zoom), _TICKS_MS[-1])
            for t in self._moments(every):
                if t not in seen:
                    seen.add(t)
                    words = self.clock.brief(t)
                    narrow = " w" if not level and len(labels) % 3 else ""  # on a phone there is room for a third of them
                    labels.append(tag("span", say(words), class_=f"tick z{level}{narrow}", style=f"left:{self._percent(t)}"))
        return tag("div", tag("div", "", class_="label") + tag("div", "".join(labels), class_="cell axis"), class_="row")

    def _moments(self, every_ms: int) -> list[int]:
        """Round moments of the local day."""
        if every_ms < _DAY_MS:
            return sorted({t for day in self.scenario.local_days for t in self._moments_of(day, every_ms) if 0 <= t < self.end_ms})
        days = [midnight for midnight, _, _ in self.scenario.local_days if 0 <= midnight < self.end_ms]
        return days[:: every_ms // _DAY_MS]

    def _moments_of(self, day: tuple[int, int, int], every_ms: int) -> Iterable[int]:
        """The moments of a local day whose time of day is a multiple: where the clocks are changed, some never come, and some twice."""
        midnight, length_ms, _ = day
        walls = range(0, _DAY_MS, every_ms)
        if length_ms == _DAY_MS:
            return [midnight + wall for wall in walls]
        shift_ms = length_ms - _DAY_MS
        both = ((midnight + wall + shifted, wall) for wall in walls for shifted in (0, shift_ms))
        return [t for t, wall in both if midnight <= t < midnight + length_ms and self.clock.wall_ms(t) == wall]

    def data(self) -> str:
        """What the page's script tells on hover and by the keyboard."""
        start = datetime.fromisoformat(self.scenario.start)
        local = zone(self.scenario.zone)
        offsets: list[tuple[int, int, str]] = []
        for t in (0, *(midnight for midnight, _, _ in self.scenario.local_days if 0 < midnight < self.end_ms), self.end_ms):
            moment = (start + timedelta(milliseconds=t)).astimezone(local)
            offset = moment.utcoffset()
            assert offset is not None
            seconds = round(offset.total_seconds())
            if not offsets or offsets[-1][1] != seconds:
                name = f" {moment:%Z}" if self.clock.named else ""
                offsets.append((self._change(t, seconds) // 1000 if offsets else 0, seconds, name))
        spans = [
            [[number for begins, ends in each for number in (begins // self.unit_ms, -(-ends // self.unit_ms))] for each in both]
            for both in ((course.outages, course.unseen) for course in self._shown)
        ]  # fmt: skip
        return data("run", {
            "start": round(start.timestamp()), "dated": self.clock.dated, "offsets": offsets,
            "unit": self.unit_ms // 1000, "width": self.width,
            "meanings": [words for _, words in self._meanings], "lanes": self.lanes, "first": self._first, "spans": spans,
            "focus": self._focus(), "series": self.series, "bin": self.gathered.width_ms // 1000, "zooms": ZOOMS,
        })  # fmt: skip

    def _focus(self) -> int:
        """What one wants to see first: where the server was taken away."""
        spans = [span for span in self.gathered.steps.values() if span.name in self._causes]
        return self._x(spans[0].begins + (spans[0].ends - spans[0].begins) // 2) if spans else self.width // 2

    def _change(self, before_ms: int, offset_s: int) -> int:
        """When in the day before this moment the clocks were changed."""
        start = datetime.fromisoformat(self.scenario.start)
        local = zone(self.scenario.zone)
        low, high = max(0, before_ms - 2 * _DAY_MS) // 60_000, before_ms // 60_000
        while low < high:
            middle = (low + high) // 2
            offset = (start + timedelta(minutes=middle)).astimezone(local).utcoffset()
            assert offset is not None
            if round(offset.total_seconds()) == offset_s:
                high = middle
            else:
                low = middle + 1
        return high * 60_000

    def section(self, shown: list[Course], pins: dict[str, str]) -> str:
        """Lanes and plots, and how to read them."""
        steps, servers, tariffs = self.steps(), self.servers(), self.tariffs()
        self._first = len(self.lanes)
        self._shown = shown
        lanes = "".join(self.charger(course, pins.get(course.name, "")) for course in shown)
        rows = self.axis() + steps + tariffs + servers + lanes + self.plots()
        left_out = len(self.gathered.courses) - len(shown)
        note = "Every charger has a lane."
        if left_out:
            note = (
                f"{len(shown)} of {len(self.gathered.courses)} chargers have a lane: those that failed, those named one by one, and the"
                " extremes by energy short, by longest and by shortest time without the server. The other"
                f" {left_out} are in the plots below the lanes, which are of all."
            )  # fmt: skip
        legend = "".join(tag("span", f'<i class="s {kind}"></i>{say(words)}', class_="key") for kind, words in _WORDS.items())
        legend += tag("span", '<i class="away"></i>without its server', class_="key")
        if any(course.unseen for course in shown):
            legend += tag("span", '<i class="unseen"></i>nothing tells what it drew', class_="key")
        acted = {span.note in RESPONSES for span in self.gathered.steps.values() if not span.note.startswith("driver.")}
        legend += tag("span", '<i class="fault"></i>a fault acts', class_="key") if False in acted else ""
        legend += tag("span", '<i class="response"></i>what responders do', class_="key") if True in acted else ""
        legend += tag("span", "◆ what its driver asked for", class_="key") + tag("span", "✗ a failure", class_="key")
        legend += "".join(
            tag("span", f'<i class="price-{rank}"></i>{words}', class_="key")
            for rank, words in enumerate(("dearest price", "in between", "cheapest"))
        )
        tools = "".join(tag("button", words, type="button", id=id_, aria_label=label) for id_, words, label in (
            ("out", "−", "zoom out"), ("in", "+", "zoom in"), ("whole", "whole run", "show the whole run"),
        ))  # fmt: skip
        hint = "Point at a lane, or go to it with Tab and along it with ← and →, to see why a car charged or not. + and − zoom."
        parts = (
            tag("p", say(note, 1000)), tag("p", legend, class_="legend"),
            tag("div", tools + tag("span", hint, class_="hint"), class_="tools"),
            tag("div", tag("div", rows, class_="track"), class_="scroller", tabindex="0", role="region", aria_label="timeline"),
            tag("p", "", id="told", role="status", aria_live="polite"), tag("div", "", id="tip", hidden=""),
        )  # fmt: skip
        return "".join(parts)


def _rounded(value: float) -> float:
    return round(value, 2) if value != round(value) else round(value)


def _nice(most: float) -> float:
    """A round figure not below the given one."""
    scale = 10.0 ** (len(f"{int(most)}") - 1) if most >= 1 else 0.1 if most >= 0.1 else 0.01 if most >= 0.01 else 0.001
    return next(step * scale for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20) if step * scale >= most)


def _y(value: float, top: float) -> str:
    return f"{_HEIGHT - _HEIGHT * min(value, top) / top:.1f}".removesuffix(".0") if top else str(_HEIGHT)


def _line(values: Sequence[float], top: float, class_: str) -> str:
    """A line in steps."""
    return f'<path class="{class_}" d="{_stepped(values, top)}"/>'


def _stepped(values: Sequence[float], top: float) -> str:
    parts = [f"M0 {_y(values[0], top)}"] if values else []
    since = 0
    for place, value in enumerate(values):
        if place and value != values[place - 1]:
            parts.append(f"H{place}V{_y(value, top)}")
            since = place
    return "".join(parts) + (f"H{len(values)}" if values and since < len(values) else "")


def _area(values: Sequence[float], top: float, class_: str) -> str:
    """The area under a line in steps."""
    return f'<path class="{class_}" d="M0 {_HEIGHT}L{_stepped(values, top)[1:]}V{_HEIGHT}z"/>'


def _between(below: Sequence[float], above: Sequence[float], top: float, class_: str) -> str:
    """The area between two lines in steps, empty where they are the same."""
    if list(below) == list(above):
        return ""
    parts = [_stepped(above, top), f"V{_y(below[-1], top)}"]
    for place in range(len(below) - 1, 0, -1):
        if below[place - 1] != below[place]:
            parts.append(f"H{place}V{_y(below[place - 1], top)}")
    return f'<path class="{class_}" d="{"".join(parts)}H0z"/>'
