"""What a scenario expects: checks, limits and known failures, from what the file says to values."""

from __future__ import annotations

from typing import Any

from harness import units
from harness.scenario.forms import FAILED, Part, check_names
from harness.scenario.nodes import Node
from harness.scenario.plan import PlanReader
from harness.scenario.problems import Problems, listed, nearest
from harness.units import UnitError
from harness.values import CheckSpec, Expect, KnownFailure, Limit, Predicate

_GOALS = ("then", "becomes", "always", "never", "sometimes")
_OWN_ONLY = ("says", "after", "during", "whenever", "until", *_GOALS)


class ExpectReader:
    """Reads ``expect``."""

    def __init__(self, plan: PlanReader, problems: Problems, currency: str) -> None:
        self.plan = plan
        self.problems = problems
        self.currency = currency
        """The tariffs'; empty where it is not known."""

    def read(self, part: Part) -> Expect:
        """All of it; what is wrong is noted and left out."""
        own = [name for name in part.node.at("checks").entries if name not in check_names()] if "checks" in part else []
        checks = [self._check(name, spec, part) for name, spec in part.get("checks", {}).items() if spec is not FAILED]
        limits = [self._limit(name, spec) for name, spec in part.get("limits", {}).items() if spec is not FAILED]
        judged = [*check_names(), *own]
        for place, name in enumerate(part.get("exercised", ())):
            node = part.at("exercised")
            self._known(name, node.items[place] if node.kind == "list" else node, judged)
        of_fleet = {limit.metric for limit in limits if limit is not None and limit.per == "fleet"}
        failures = [
            self._known_failure(failure, [*judged, *part.get("limits", {})], of_fleet) for failure in part.get("known_failures", ())
        ]
        return Expect(
            contract=part.get("contract", "each-maker"),
            exercised=part.get("exercised", ()),
            checks=tuple(check for check in checks if check is not None),
            limits=tuple(limit for limit in limits if limit is not None),
            known_failures=tuple(failures),
        )

    def _known(self, name: str, node: Node, names: list[str]) -> None:
        if name not in names:
            meant = nearest(name, names)
            expected = "a built-in check (`harness list checks`), or one of this file"
            self.problems.add(node, "no such check", found=f"`{name}`", expected=expected, suggestion=meant)

    def _chargers(self, spec: Part) -> tuple[str, ...]:
        if "charger" in spec and "chargers" in spec:
            self.problems.add(spec.at("charger"), "both `charger` and `chargers`", expected="one of them")
        names: tuple[str, ...] = spec.get("chargers", (spec.get("charger"),) if "charger" in spec else ())
        node = spec.at("chargers" if "chargers" in spec else "charger")
        for place, name in enumerate(names):
            if name not in self.plan.known:
                self.plan.roster.check(name, node.items[place] if node.kind == "list" else node, self.problems, circuits=False)
        return names

    def _check(self, name: str, spec: Part, part: Part) -> CheckSpec | None:
        before = len(self.problems.found)
        chargers = self._chargers(spec)
        if name in check_names():
            for key in _OWN_ONLY:
                if key in spec.node.entries:
                    self.problems.add(spec.at(key), f"`{name}` is a built-in check, which says itself what must follow", found=f"`{key}`",
                                      expected="`within`, `amperage`, `assumes`, `chargers` and `severity` only")  # fmt: skip
            check = CheckSpec(
                name=name, builtin=True, bound_ms=spec.get("within"), bound_ma=spec.get("amperage"), assumes=spec.get("assumes", ()),
                chargers=chargers, severity=spec.get("severity", "fail"),
            )  # fmt: skip
        else:
            check = self._own(name, spec, chargers, part.node.at("checks").entries[name][0])
        return check if len(self.problems.found) == before else None

    def _own(self, name: str, spec: Part, chargers: tuple[str, ...], key_node: Node) -> CheckSpec:
        """A check over the combinators: exactly one goal, and a trigger where the goal needs one."""
        from harness.check.metrics import METRICS

        if name in METRICS:  # a limit on it is a result of that name, and so could a known failure be of either
            self.problems.add(key_node, f"`{name}` is the name of a metric", expected="another name for one's own check")
        goals = [key for key in _GOALS if key in spec.node.entries]
        if len(goals) != 1:
            meant = nearest(name, check_names())
            self.problems.add(
                key_node, f"`{name}` is no built-in check, and one's own says what must hold",
                found=" and ".join(f"`{goal}`" for goal in goals), expected=f"exactly one of {listed(_GOALS)}", suggestion=meant,
            )  # fmt: skip
        goal = goals[0] if goals else ""
        leads = goal in {"then", "becomes"}
        triggers = [key for key in ("after", "whenever") if key in spec.node.entries]
        if leads and len(triggers) != 1:
            count = "two triggers" if triggers else "no trigger"
            self.problems.add(key_node, f"`{name}` has {count}", expected="one of `after` and `whenever`")
        if goal and not leads:
            for key in ("within", "until", "whenever"):
                if key in spec.node.entries:
                    self.problems.add(spec.at(key), f"`{key}` does not go with `{goal}`", expected="`then` and a trigger")
        for key in ("amperage", "assumes"):
            if key in spec.node.entries:
                self.problems.add(spec.at(key), f"`{key}` is for built-in checks", expected="a condition such as `{below: 16 A}`")
        during = spec.get("during", "")
        if during and during not in self.plan.by_id:
            self.problems.add(spec.at("during"), f"no step is called `{during}`", expected=listed(self.plan.by_id) or "a step with that id",
                              suggestion=nearest(during, self.plan.by_id))  # fmt: skip
        after = self.plan.moment(spec.get("after"), spec.at("after")) if "after" in spec else None
        then = Predicate(state=spec.get("becomes")) if "becomes" in spec else self._predicate(spec, "then")
        return CheckSpec(
            name=name, builtin=False, says=spec.get("says", ""), chargers=chargers, severity=spec.get("severity", "fail"), after=after,
            during=during, whenever=self._predicate(spec, "whenever"), then=then, until=self._predicate(spec, "until"),
            always=self._predicate(spec, "always"), never=self._predicate(spec, "never"), sometimes=self._predicate(spec, "sometimes"),
            within_ms=spec.get("within", 0),
        )  # fmt: skip

    def _predicate(self, spec: Part, key: str) -> Predicate | None:
        value: Predicate | None = spec.get(key)
        if value == Predicate():
            self.problems.add(spec.at(key), f"`{key}` says nothing", expected="a condition such as `{state: Charging}` or `{draws: true}`")
        instants = [value.message, value.command, value.action] if value is not None else []
        if key in {"then", "always"} and any(instants) and (key == "always" or spec.get("until") is not None):
            self.problems.add(spec.at(key), "an instant cannot go on", found=f"`{next(filter(None, instants))}`", expected="a state")
        return value

    def _limit(self, name: str, spec: Part) -> Limit | None:
        from harness.check.metrics import METRICS

        metric = METRICS[name]
        bounds: dict[str, Any] = {}
        for key, attribute in (("min", "minimum"), ("max", "maximum")):
            if key in spec:
                try:
                    bounds[attribute] = amount(spec.get(key), metric.unit, self.currency)
                except UnitError as error:
                    self.problems.add(spec.at(key), f"`{key}` of `{name}` is not right", found=spec.at(key).shown, expected=error.expected,
                                      suggestion=error.suggestion)  # fmt: skip
        if not bounds:
            if not {"min", "max"} & set(spec.node.entries):
                self.problems.add(spec.node, f"the limit on `{name}` limits nothing", expected="`max` or `min`")
            return None
        if len(bounds) == 2 and bounds["minimum"] > bounds["maximum"]:
            self.problems.add(spec.at("min"), f"`min` of `{name}` is above its `max`", found=spec.at("min").shown)
        if spec.get("per") == "driver" and not metric.per_driver:
            expected = f"`fleet`; per driver are {listed(known for known, kind in METRICS.items() if kind.per_driver)}"
            self.problems.add(spec.at("per"), f"`{name}` is of the whole fleet", found="`driver`", expected=expected)
        return Limit(metric=name, per=spec.get("per", "fleet"), severity=spec.get("severity", "fail"), **bounds)

    def _known_failure(self, part: Part, judged: list[str], of_fleet: set[str]) -> KnownFailure:
        if "check" in part:
            self._known(part.get("check"), part.at("check"), judged)
        charger = part.get("charger", "")
        if charger and charger not in self.plan.known:
            self.plan.roster.check(charger, part.at("charger"), self.problems, circuits=False)
        if charger and part.get("check") in of_fleet:
            self.problems.add(part.at("charger"), f"the limit on `{part.get('check')}` is of the whole fleet", found=f"`{charger}`",
                              expected="no `charger`")  # fmt: skip
        return KnownFailure(check=part.get("check", ""), charger=charger, reason=part.get("reason", ""), link=part.get("link", ""))


def amount(text: str, unit: str, currency: str = "") -> float:
    """A bound on a metric, in the metric's unit; a difference from the twin may be negative. Money is in ``currency`` (empty: any).
    Raises :class:`UnitError`."""
    sign, digits = (-1, text[1:].strip()) if text.startswith("-") else (1, text)
    if unit == "kWh":
        return sign * units.parse_energy_wh(digits) / 1_000
    if unit == "s":
        return sign * units.parse_duration_ms(digits) / 1_000
    if unit == "%":
        return sign * units.parse_permille(digits) / 10
    number = digits.removesuffix(unit).strip() if unit != "currency" else digits.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ").strip()
    try:
        value = sign * float(units.parse_decimal(number))
        if unit == "currency" and currency and digits.removeprefix(number).strip() not in ("", currency):
            raise UnitError(text, currency)
        return value
    except UnitError:
        what = f"an amount such as `5` or `5 {currency or 'USD'}`" if unit == "currency" else f"a number such as `3` or `3 {unit}`"
        raise UnitError(text, what) from None
