"""Photos that were made to hold, fill or crash what reads them: each is refused by name, and the next one is read."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from PIL import Image

from registry import barcodes
from registry.errors import ImageError, Overloaded, WorkerLost
from registry.photos import processes
from registry.photos.processes import MAX_BYTES, MEMORY, PhotoReaders
from tests.photos.bombs import BOMBS, CODE, NOTHING, saved

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("photos in processes")

PATIENCE: Final = 20.0
"""Seconds that anything may take on a machine that has other things to do."""
GOOD: Final = BOMBS["png that calls itself jpg"][0]()
ENDLESS: Final = BOMBS["finder patterns"][0]()
ENDLESS_ONES: Final = {"finder patterns", "more finder patterns"}
"""Each takes the whole of its time: one is used here below, both are sent to a site in `tests.journeys`."""
OWNER: Final = """
import sys, time
from registry.photos.processes import PhotoReaders
readers = PhotoReaders()
print(readers.decode(sys.stdin.buffer.read()), flush=True)
time.sleep(60)
"""
CHECKOUT: Final = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def one() -> Iterator[PhotoReaders]:
    """Readers that read one photo at a time, and let nobody wait for long."""
    with closing(PhotoReaders(at_once=1, waiting=1, patience=0.05)) as readers:
        yield readers


def keepers(of: int | None = None) -> dict[int, Path]:
    """Return the processes that a process, else this one, started to keep photos, by their number."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state = (place / "stat").read_text().rpartition(")")[2].split()
            if int(state[1]) == (of or os.getpid()) and state[0] != "Z" and b"import keep" in (place / "cmdline").read_bytes():
                found[int(place.name)] = place
        except OSError:  # it ended while it was looked at
            continue
    return found


def half_of(keeper: int) -> int:
    """Return the number of the process that reads a photo for a keeper, as soon as there is one."""
    until = time.monotonic() + PATIENCE
    children = Path(f"/proc/{keeper}/task/{keeper}/children")
    while time.monotonic() < until:
        if found := children.read_text().split():
            return int(found[0])
    raise AssertionError("no photo is being read")


def said_of(readers: PhotoReaders, data: bytes) -> str:
    """Return what is said of a file: the reason of its refusal, that there is no code, or its only code."""
    try:
        codes = readers.decode(data)
    except ImageError as error:
        return error.reason
    return codes[0] if codes else NOTHING


def said_in_time(readers: PhotoReaders) -> str:
    """Return what is said of a good photo; a machine that is busy with others may need another try, as a person would."""
    for _ in range(3):
        if (said := said_of(readers, GOOD)) != "too_slow":
            break
    return said


@pytest.mark.parametrize("name", [name for name in BOMBS if name not in ENDLESS_ONES])
def test_a_bomb_is_refused_in_time_and_the_next_photo_is_read(one: PhotoReaders, name: str) -> None:
    """Whatever it was made for: one of our own words is said of it, and nobody after it is worse off."""
    make, expected = BOMBS[name]
    assert said_of(one, make()) in {expected, "too_slow"}  # which the clock decides, on a machine with much to do
    if expected not in {CODE, "not_a_picture", "animated"}:
        assert said_in_time(one) == CODE


def test_what_never_ends_is_ended_by_the_clock(one: PhotoReaders) -> None:
    """A picture that keeps the reader for minutes is too slow after less than two seconds, and its process is gone."""
    # A reader that is through with a part of it just before the clock ends it gives up by itself: then it is given another one.
    for name in sorted(ENDLESS_ONES) * 3:
        said_of(one, GOOD)
        before = keepers()
        began = time.monotonic()
        if said_of(one, BOMBS[name][0]()) == "too_slow":
            break
    else:
        pytest.fail("no picture kept the reader until the clock ended it")
    assert processes.SECONDS < 2
    assert time.monotonic() - began < PATIENCE
    assert not before.keys() & keepers().keys()
    assert said_in_time(one) == CODE


def test_a_photo_of_too_many_bytes_reaches_no_process(one: PhotoReaders) -> None:
    """It is refused by its length."""
    with pytest.raises(ImageError, match="expected at most") as caught:
        one.decode(b"\xff" * (MAX_BYTES + 1))
    assert caught.value.reason == "too_large"


def test_a_keeper_is_bounded_and_holds_no_secret(one: PhotoReaders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of memory it has 256 MB and no more; it writes no file and no core; it has no setting of the site, and no other file."""
    monkeypatch.setenv("TOUCHSTONE_DEVICE_SECRET", "ab" * 32)
    said_of(one, GOOD)
    (place,) = keepers().values()
    lines = (place / "limits").read_text().splitlines()
    limits = {line[:25].strip(): line[25:].split()[:2] for line in lines}
    assert limits["Max address space"] == [str(MEMORY)] * 2 == [str(256 * 2**20)] * 2
    assert limits["Max file size"] == limits["Max core file size"] == ["0", "0"]
    assert (place / "environ").read_bytes() == b""
    assert b"TOUCHSTONE" not in (place / "cmdline").read_bytes()
    files = {int(name.name): str(name.readlink()) for name in (place / "fd").iterdir()}
    assert files.pop(0) == files.pop(1) == "/dev/null"
    assert files.pop(2) == str(Path("/proc/self/fd/2").readlink())
    assert [kind.partition(":")[0] for kind in files.values()] == ["socket"]


def test_a_keeper_that_was_killed_is_replaced(one: PhotoReaders) -> None:
    """Whoever ends an idle keeper costs nobody an answer."""
    said_of(one, GOOD)
    (number,) = keepers()
    os.kill(number, signal.SIGKILL)
    until = time.monotonic() + PATIENCE
    while number in keepers():
        assert time.monotonic() < until, "the process is still there"
        time.sleep(0.01)
    assert said_in_time(one) == CODE
    assert number not in keepers()


def test_a_crash_ends_one_photo(one: PhotoReaders) -> None:
    """A decoder that crashes is a damaged picture, for that picture alone."""
    for _ in range(3):  # the same
        said_in_time(one)
        (number,) = keepers()
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(said_of, one, ENDLESS)
            with suppress(ProcessLookupError):
                os.kill(half_of(number), signal.SIGSEGV)
            if (said := reading.result()) != "too_slow":
                break
    assert said == "damaged"
    assert said_in_time(one) == CODE


def test_too_many_photos_at_once_are_told_so(one: PhotoReaders) -> None:
    """One is read, the next waits in vain, and a third would not even be let in: nobody hears a word about a picture."""
    said_of(one, GOOD)
    (number,) = keepers()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(said_of, one, ENDLESS)
        half = half_of(number)
        with pytest.raises(Overloaded, match="too many photos"):
            one.decode(GOOD)
        with suppress(ProcessLookupError):  # on a machine that is busy with others its own time may be up already
            os.kill(half, signal.SIGALRM)
        assert reading.result() == "too_slow"
    assert said_in_time(one) == CODE


def test_nobody_waits_where_nobody_may() -> None:
    """A photo that finds all places taken is turned away at once."""
    with closing(PhotoReaders(at_once=1, waiting=0, patience=PATIENCE)) as readers, ThreadPoolExecutor(1) as pool:
        before = keepers()
        said_of(readers, GOOD)
        (number,) = keepers().keys() - before
        reading = pool.submit(said_of, readers, ENDLESS)
        half = half_of(number)
        with pytest.raises(Overloaded):
            readers.decode(GOOD)
        with suppress(ProcessLookupError):  # on a machine that is busy with others its own time may be up already
            os.kill(half, signal.SIGALRM)
        assert reading.result() == "too_slow"


def test_many_threads_ask_at_once() -> None:
    """Each thread hears of its own photo, from no more processes than were allowed."""
    before = keepers()
    texts = [f"https://pay.example/{place}" for place in range(8)]
    with closing(PhotoReaders(at_once=2, waiting=8, patience=PATIENCE)) as readers, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: readers.decode(saved(barcodes.encode(text).picture(4), "PNG")), texts)) == [
            (text,) for text in texts
        ]
        assert len(keepers().keys() - before) in {1, 2}


def test_no_keeper_outlives_its_owner() -> None:
    """A site that is killed, and can say no farewell, leaves no process behind."""
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT) as owner:
        assert owner.stdin
        assert owner.stdout
        owner.stdin.write(GOOD)
        owner.stdin.close()
        assert CODE in owner.stdout.readline().decode()
        (number,) = keepers(owner.pid)
        owner.kill()
    until = time.monotonic() + PATIENCE
    while is_running(number):
        assert time.monotonic() < until, "the keeper is still there"
        time.sleep(0.01)


def is_running(number: int) -> bool:
    """Say whether a process has not ended; an orphan that nobody collects yet has."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_nothing_is_started_before_the_first_photo() -> None:
    """A site that gets no photo pays nothing for them."""
    before = keepers()
    PhotoReaders().close()
    assert keepers() == before


def test_little_is_loaded_where_photos_are_read_and_no_decoder_where_they_are_taken_in() -> None:
    """Of libraries a keeper has two; whoever asks it has none of them."""
    code = "import json, sys; import registry.photos.{}; print(json.dumps([name.split('.')[0] for name in sys.modules]))"
    heavy = {"numpy", "web3", "eth_keys", "sqlalchemy", "flask", "qrcode"}
    loaded = {
        room: set(json.loads(subprocess.check_output([sys.executable, "-c", code.format(room)], cwd=CHECKOUT)))
        for room in ("reading", "processes")
    }
    assert {"PIL", "zxingcpp"} <= loaded["reading"]
    assert not heavy & loaded["reading"]
    assert not {"PIL", "zxingcpp", *heavy} & loaded["processes"]


def test_what_cannot_be_started_is_our_own_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a process no photo is read, and that is never said of the photo."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(WorkerLost, match="cannot be started"):
        PhotoReaders().decode(GOOD)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    readers = PhotoReaders(at_once=1)
    for _ in range(2):  # and its place is free again
        with pytest.raises(WorkerLost, match="exit code 1"):
            readers.decode(GOOD)


def test_a_copy_shows_the_same_and_says_nothing_else(one: PhotoReaders) -> None:
    """Upright and not too large, without the place and the time that a phone wrote into it; hostile files have none."""
    picture = Image.new("RGB", (3000, 1500), "red")
    picture.paste("blue", (0, 0, 1500, 1500))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A phone"
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif.tobytes())
    copy = one.copy(out.getvalue())
    with Image.open(io.BytesIO(copy)) as shown:
        assert (shown.format, shown.size, dict(shown.getexif())) == ("JPEG", (1000, 2000), {})
        red, _, blue = shown.convert("RGB").getpixel((500, 100))  # type: ignore[misc]  # three values of an RGB picture
        assert (blue, red) > (200, 0)
    assert b"A phone" not in copy
    for name in ("png that calls itself jpg", *(name for name, (_, said) in BOMBS.items() if said == "not_a_picture")):
        if BOMBS[name][1] == "not_a_picture":
            with pytest.raises(ImageError):
                one.copy(BOMBS[name][0]())
        else:
            assert one.copy(BOMBS[name][0]()).startswith(b"\xff\xd8\xff")
