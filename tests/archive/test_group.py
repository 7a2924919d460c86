"""Group commit: together as safe as alone, and a refusal is one writer's alone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from service.archive.group import GroupCommit
from service.archive.log import Appended
from service.errors import ConflictError, ServiceError, SetupError
from tests.archive.building import Archive, verify_all

WRITERS = 24


def _writer(archive: Archive, number: int) -> Callable[[Session], list[bytes]]:
    return lambda _session: [archive.letter(number)]


def _outcome(act: Callable[[], list[Appended]]) -> list[Appended] | ServiceError:
    try:
        return act()
    except ServiceError as exc:
        return exc


def test_writers_at_once_each_get_a_place_of_their_own(archive: Archive) -> None:
    group = GroupCommit(archive.sessions, archive.log)
    with ThreadPoolExecutor(WRITERS) as pool:
        placed = list(pool.map(lambda n: group.commit(_writer(archive, n), archive.now), range(2 * WRITERS)))
    assert sorted(one[0].index for one in placed) == list(range(2 * WRITERS))
    shown = archive.log.published()
    assert shown
    assert shown.checkpoint.size == 2 * WRITERS
    verify_all(archive)


def test_a_writer_that_is_refused_leaves_the_others_alone(archive: Archive) -> None:
    group = GroupCommit(archive.sessions, archive.log)

    def refuse(_session: Session) -> list[bytes]:
        raise ConflictError("E-SIG-112", "此步骤已由他处完成。")

    def act(number: int) -> list[Appended] | ServiceError:
        twice = number % 3 == 1  # the second of two entries has the wrong `prev`: neither may stay
        writer = refuse if number % 3 == 2 else _writer(archive, number)
        both = lambda session: [*writer(session), *(writer(session) if twice else ())]  # noqa: E731
        return _outcome(lambda: group.commit(both, archive.now))

    with ThreadPoolExecutor(WRITERS) as pool:
        outcomes = list(pool.map(act, range(WRITERS)))
    codes = [one.code if isinstance(one, ServiceError) else None for one in outcomes]
    assert codes == [None, "E-ARC-030", "E-SIG-112"] * (WRITERS // 3)
    assert sorted(one[0].index for one in outcomes if not isinstance(one, ServiceError)) == list(range(8))
    verify_all(archive)


def test_a_publication_that_fails_is_told_to_all_and_made_up_for_later(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = GroupCommit(archive.sessions, archive.log)
    full = SetupError("E-ARC-003", "磁盘空间已满，请腾出空间")

    def refuse() -> int:
        raise full

    with monkeypatch.context() as patched:
        patched.setattr(archive.log, "publish", refuse)
        with pytest.raises(SetupError, match="E-ARC-003"):
            group.commit(_writer(archive, 0), archive.now)
    assert (
        group.commit(_writer(archive, 1), archive.now)[0].index == 1
    )  # the first was committed all the same
    verify_all(archive)


def test_an_interrupted_leader_leaves_nobody_waiting_and_nothing_kept(archive: Archive) -> None:
    group = GroupCommit(archive.sessions, archive.log)

    def interrupt(_session: Session) -> list[bytes]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        group.commit(interrupt, archive.now)
    assert group.commit(_writer(archive, 0), archive.now)[0].index == 0
    verify_all(archive)
