"""What the numbers of a server's errors mean."""

from __future__ import annotations

import pickle

import pytest

from singlestoredb import exceptions as exc


@pytest.mark.parametrize(
    ("errno", "cls"),
    [
        (1064, exc.ProgrammingError), (1366, exc.DataError), (1062, exc.IntegrityError),
        (1235, exc.NotSupportedError), (1045, exc.OperationalError), (1305, exc.OperationalError),
        (4025, exc.OperationalError), (999, exc.InternalError), (1000, exc.OperationalError),
    ],
)  # fmt: skip
def test_a_number_has_a_class(errno: int, cls: type[exc.Error]) -> None:
    assert exc.class_of(errno) is cls


@pytest.mark.parametrize(
    ("errno", "cls"),
    [
        *((n, exc.ProgrammingError) for n in (1049, 1065, 1082, 1449, 1582, 1741)),
        (1365, exc.DataError),
        *((n, exc.IntegrityError) for n in (1169, 1364, 1401, 1460, 1826)),
    ],
)
def test_numbers_that_clients_disagree_about(errno: int, cls: type[exc.Error]) -> None:
    error = exc.class_of(errno)(errno, "no", "42000", hint="do")
    assert isinstance(error, cls)
    assert isinstance(error, exc.OperationalError)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (again.errno, again.errmsg, again.hint) == (errno, "no", "do")
