"""What scripts are made of: each behaviour has a name, and is an opening of a connection, a step, or an ending."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from hostile_connection import Connection

OPENING, STEP, ENDING = "opening", "step", "ending"
Behave = Callable[[Connection, random.Random], None]


@dataclass(frozen=True)
class Behaviour:
    name: str
    kind: str
    is_legal: bool
    behave: Behave
    # How often it is chosen, of those of its kind.
    weight: float


BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(kind: str, is_legal: bool = True, weight: float = 1) -> Callable[[Behave], Behave]:
    """Has a function among those that scripts are made of."""

    def add(behave: Behave) -> Behave:
        name = behave.__name__
        BEHAVIOURS[name] = Behaviour(name, kind, is_legal, behave, weight)
        return behave

    return add


def some_outstanding(connection: Connection, chance: random.Random) -> list[int]:
    """At least one sequence if there is any, in any order."""
    connection.wait_for_batch()
    sequences = list(connection.outstanding)
    return chance.sample(sequences, chance.randint(min(1, len(sequences)), len(sequences)))
