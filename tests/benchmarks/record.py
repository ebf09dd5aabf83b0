"""The record of a run: all that the outputs are made of, and that a file keeps."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.cases import CASES
from benchmarks.cases.case import Case
from benchmarks.contenders import CONTENDERS, FLOOR
from benchmarks.rounds import Rounds
from benchmarks.sample import Sample


@dataclass(frozen=True, slots=True)
class Record:
    """A run: where, what and who, and what came of it. *absent* has reasons by contender."""

    setting: Mapping[str, str | int | None]
    quick: bool
    cases: Sequence[Case]
    contenders: Sequence[str]
    absent: Mapping[str, str]
    rounds: Rounds

    def only(self, names: Sequence[str]) -> "Record":
        """Return the part with these cases."""
        cases = [case for case in self.cases if case.name in names]
        return Record(self.setting, self.quick, cases, self.contenders, self.absent, self.rounds)


def dump(record: Record) -> str:
    """Return all readings and the setting as JSON."""
    data = {
        "setting": record.setting,
        "quick": record.quick,
        "units": {case.name: case.unit for case in record.cases},
        "contenders": record.contenders,
        "absent": record.absent,
        **listed(record.rounds),
    }
    return json.dumps(data, indent=1) + "\n"


def listed(rounds: Rounds) -> dict[str, list[Any]]:
    """Return what has come of the rounds, as JSON has it."""
    return {
        "missing": [[*pair, reason] for pair, reason in rounds.missing.items()],
        "failed": [[*pair, reason] for pair, reason in rounds.failed.items()],
        "readings": [
            {**asdict(sample), "value": value} for sample, value in rounds.readings.items()
        ],
    }


def load(text: str) -> Record:
    """Return the record that *text* has, but for cases and contenders that are no more.

    Raises ValueError or KeyError where it has none.
    """
    data = json.loads(text)
    names = [name for name in data["contenders"] if name in CONTENDERS or name == FLOOR]
    rounds = Rounds(
        {
            Sample(entry["turn"], entry["case"], entry["contender"]): entry["value"]
            for entry in data["readings"]
        },
        {(case, name): reason for case, name, reason in data["missing"]},
        {(case, name): reason for case, name, reason in data["failed"]},
    )
    cases = [CASES[name] for name in data["units"] if name in CASES]
    return Record(data["setting"], data["quick"], cases, names, data["absent"], rounds)
