import pickle

import pytest

from summtune import errors
from summtune.errors import Mistake, Problem, SettingsMistake, SummtuneError, TrialFailure


def every_class() -> list[type[SummtuneError]]:
    found, waiting = [], [SummtuneError]
    while waiting:
        cls = waiting.pop()
        found.append(cls)
        waiting += cls.__subclasses__()
    return found


def test_the_tree_at_the_head_names_every_class() -> None:
    assert errors.__doc__ is not None
    for cls in every_class():
        assert f"{cls.__name__}  " in errors.__doc__
        line = next(line for line in errors.__doc__.splitlines() if f"{cls.__name__}  " in line)
        assert f" {cls.exit_code}  " in line


@pytest.mark.parametrize("cls", every_class())
def test_every_class_survives_pickling(cls: type[SummtuneError]) -> None:
    error = cls("diverged", "the loss is NaN") if cls is TrialFailure else cls("what and why")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_a_problem_says_where_what_why_and_the_way_out() -> None:
    problem = Problem("no such parameter.", "Did you mean learning_rate?", "parameters.learning_rte", "lr.yaml", 12, 3)
    assert str(problem) == "lr.yaml:12:3: parameters.learning_rte: no such parameter. Did you mean learning_rate?"
    assert str(Problem("no disk.")) == "no disk."


def test_a_mistake_carries_every_problem() -> None:
    mistake = SettingsMistake([Problem("one."), Problem("two.")])
    assert isinstance(mistake, Mistake)
    assert mistake.exit_code == 2
    assert str(mistake) == "one.\ntwo."
