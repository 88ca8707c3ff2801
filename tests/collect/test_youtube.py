"""scrape_yt.py against a server on loopback that speaks the YouTube Data API."""

import csv
import json
import logging
import socket
import threading
import urllib.request
import webbrowser
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from seldsynth.classes import CLASSES
from seldsynth.cli import main
from seldsynth.collect import youtube_api
from seldsynth.collect.youtube import clock
from seldsynth.collect.youtube_api import (
    DAILY_QUOTA,
    QUOTA_COSTS,
    Quota,
    QuotaError,
    YouTube,
    key_credentials,
    when_renewed,
)
from seldsynth.collect.youtube_videos import Video, Wishes, iso_seconds, judge
from tests.collect.servers import QuietHandler, YouTubeServer, api_error, mock_video, serving

KEY = "AIzaSyNobodyShallEverReadThis"
BELL_TERMS = CLASSES[11].search_terms
KNOCK_TERMS = CLASSES[12].search_terms


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that are made, none of which is."""
    made: list[float] = []
    monkeypatch.setattr(youtube_api.time, "sleep", made.append)
    return made


def mock_server(**changes: Any) -> YouTubeServer:
    """Two terms of bells with three good videos each; one term of knocks with two."""
    videos = [mock_video(f"bell{n}", f"A bell, number {n}") for n in range(6)]
    videos += [mock_video(f"knock{n}", "Knocking on wood") for n in range(2)]
    results = {
        BELL_TERMS[0]: ["bell0", "bell1", "bell2"],
        BELL_TERMS[1]: ["bell1", "bell3", "bell4", "bell5"],
        KNOCK_TERMS[0]: ["knock0", "bell0", "knock1"],
    }
    return YouTubeServer(results, {video["id"]: video for video in videos}, **changes)


def run(address: str, folder: Path, *arguments: str, key: bool = True) -> int:
    return main(
        [
            "youtube",
            *(["--api_key", KEY] if key else []),
            "--api-endpoint",
            address,
            "--output",
            str(folder / "out.csv"),
            *arguments,
        ]
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ids(folder: Path) -> list[str]:
    return [
        row["link"].removeprefix("https://www.youtube.com/watch?v=")
        for row in rows(folder / "out.csv")
    ]


def test_two_lists_as_users_know_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = mock_server()
    with server.running() as address:
        assert run(address, tmp_path, "--classes", "bell", "12", "--results", "4") == 0
    assert (tmp_path / "out.csv").read_text().splitlines()[:2] == [
        "link,start,end,class",
        "https://www.youtube.com/watch?v=bell0,0:22,0:42,11",
    ]
    # Each term in turn, nothing twice, and what was found for one class is not for another.
    assert ids(tmp_path) == ["bell0", "bell3", "bell1", "bell4", "knock0", "knock1"]
    first = rows(tmp_path / "out_detailed.csv")[0]
    assert first == {
        "link": "https://www.youtube.com/watch?v=bell0",
        "start": "0:22",
        "end": "0:42",
        "class": "11",
        "title": "A bell, number 0",
        "channel": "A channel",
        "description": "About bell0,\nin two lines",
        "license": "youtube",
        "duration": "65",
        "query": BELL_TERMS[0],
    }
    said = capsys.readouterr().out
    assert "11 bell                              4           4" in said
    assert "12 knock                             2           4" in said
    assert f"searches today for this list: {server.count('search')} of 100" in said


def test_the_key_goes_in_a_header_and_nowhere_else(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("YOUTUBE_API_KEY", KEY)
    server = mock_server(faults=[api_error(500, "backendError"), api_error(429, "x"), None, None])
    server.faults.append(api_error(400, "badRequest", "Something is odd."))
    caplog.set_level(logging.DEBUG)
    with server.running() as address:
        assert run(address, tmp_path, "-vvv", "--classes", "11", key=False) == 1
    assert all(headers["x-goog-api-key"] == KEY for _, _, headers in server.requests)
    assert not any("key" in query for _, query, _ in server.requests)
    said = capfd.readouterr()
    assert KEY not in said.out + said.err + caplog.text
    assert "YouTube refuses the request (400: Something is odd.)" in said.err
    for path in tmp_path.iterdir():
        assert KEY not in path.read_text()


def test_pages_until_there_is_enough_and_fifty_ids_a_request(tmp_path: Path) -> None:
    """120 ids, of which every third is about bells: pages of 50 until 30 are found."""
    names = [f"v{n:03d}" for n in range(120)]
    titles = {name: "A bell" if n % 3 == 0 else "A cat" for n, name in enumerate(names)}
    server = YouTubeServer(
        {BELL_TERMS[0]: names}, {name: mock_video(name, titles[name]) for name in names}
    )
    with server.running() as address:
        assert run(address, tmp_path, "--classes", "11", "--results", "30") == 0
    assert ids(tmp_path) == names[:90:3]
    assert server.terms() == [*BELL_TERMS, BELL_TERMS[0]]
    asked = [query["id"].split(",") for path, query, _ in server.requests if "videos" in path]
    assert [len(batch) for batch in asked] == [50, 50]


def test_not_every_term_is_searched_for_when_few_are_wanted(tmp_path: Path) -> None:
    server = mock_server()
    with server.running() as address:
        assert run(address, tmp_path, "--classes", "11", "--results", "1") == 0
    assert server.terms() == [BELL_TERMS[0]]
    assert ids(tmp_path) == ["bell0"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"videoEmbeddable": "true", "type": "video", "maxResults": "50"}),
        (["--license", "creativeCommon"], {"videoLicense": "creativeCommon"}),
        (["--region", "de"], {"regionCode": "DE"}),
        (["--max-duration", "240"], {"videoDuration": "short"}),
    ],
)
def test_what_is_asked_for(tmp_path: Path, arguments: list[str], expected: dict[str, str]) -> None:
    server = mock_server()
    with server.running() as address:
        assert run(address, tmp_path, "--classes", "11", *arguments) == 0
    query = server.requests[0][1]
    assert query.items() >= expected.items()
    absent = {"videoLicense", "regionCode", "videoDuration"} - expected.keys()
    assert not absent & query.keys()


BELL = CLASSES[11]


@pytest.mark.parametrize(
    ("changes", "wishes", "reason"),
    [
        ({}, {}, None),
        ({"embeddable": False}, {}, "private or not embeddable"),
        ({"privacyStatus": "private"}, {}, "private or not embeddable"),
        ({"liveBroadcastContent": "upcoming"}, {}, "live"),
        ({"duration": "PT10M"}, {}, None),
        ({"duration": "PT10M1S"}, {}, "too long"),
        ({"duration": "P1D"}, {"max_duration_s": 90000}, None),
        ({"duration": "PT1S"}, {}, "too short"),
        ({"duration": "PT0S"}, {}, "too short"),
        ({"duration": "for ever"}, {}, "too short"),
        ({"duration": None}, {}, "not described as expected"),
        ({"projection": "360"}, {}, "a 360° video"),
        ({"contentRating": {"ytRating": "ytAgeRestricted"}}, {}, "for adults"),
        ({"license": "youtube"}, {"license": "creativeCommon"}, "of another licence"),
        ({"license": "creativeCommon"}, {"license": "creativeCommon"}, None),
        ({"regionRestriction": {"blocked": ["DE"]}}, {}, None),
        ({"regionRestriction": {"blocked": ["DE"]}}, {"region": "DE"}, "not to be seen in the reg"),
        ({"regionRestriction": {"allowed": ["US"]}}, {"region": "DE"}, "not to be seen in the reg"),
        ({"regionRestriction": {"allowed": ["DE"]}}, {"region": "DE"}, None),
        ({"title": "Bell pepper salad"}, {}, "not about the class, by its title"),
        ({"title": "Bell sound effect"}, {}, "not about the class, by its title"),
        ({"title": "Isabella sings"}, {}, "not about the class, by its title"),
        ({"title": "DING", "description": "Our church bells"}, {}, None),
        ({"title": "DING", "description": "Ding. " * 60 + "bell"}, {}, "not about the class"),
    ],
)
def test_which_videos_are_passed_over(
    changes: dict[str, Any], wishes: dict[str, Any], reason: str | None
) -> None:
    verdict = judge(mock_video("x", **{"title": "A bell", **changes}), BELL, Wishes(**wishes))
    if reason is None:
        assert isinstance(verdict, Video)
    else:
        assert isinstance(verdict, str)
        assert verdict.startswith(reason)


@pytest.mark.parametrize(
    ("class_id", "title", "is_about"),
    [
        (0, "Woman Talking to Camera - stock footage", True),
        (0, "Interview with a woman", True),
        (0, "Morning routine of a girl", False),
        (0, "A man interviews a woman", False),
        (1, "Old man talks about life", True),
        (1, "Man plays the piano", False),
        (1, "Spider-Man talks", False),
        (1, "A talk on the Isle of Man", False),
        (2, "Audience applause at the opera", True),
        (3, "Old phone ringing", True),
        (3, "The best phones of the year", False),
        (3, "Reviewing a telephone", False),
        (4, "Baby laughing", True),
        (4, "Try not to laugh", False),
        (5, "Washing dishes by hand", True),
        (5, "Vacuum cleaner running", True),
        (5, "How to install a satellite dish", False),
        (5, "The Hoover Dam", False),
        (6, "Footsteps on gravel", True),
        (6, "Walkthrough of level 3", False),
        (7, "A creaky door", True),
        (7, "Installing doors", False),
        (8, 'Choir sings "Ave Maria"', True),
        (8, "Singer sewing machine", False),
        (8, "Resistance band workout", False),
        (8, "Motivational speakers", False),
        (9, 'Playing the 14" snare drum', True),
        (10, "Kitchen faucet", True),
        (10, "Why the Titanic sinks", False),
        (10, "Repairing a dripping faucet", False),
        (11, '"Church bells" of Cologne', True),
        (11, "Kristen Bell interview", False),
        (11, "Jingle Bell Rock", False),
        (12, "A hand knocks on wood", True),
        (12, "Boxer knocked out cold", False),
    ],
)
def test_titles(class_id: int, title: str, is_about: bool) -> None:
    video = mock_video("x", title, description='A dog, a girl and a 14" disc.')
    assert isinstance(judge(video, CLASSES[class_id], Wishes()), Video) == is_about


@pytest.mark.parametrize("item", [None, {}, [], "x", {"id": "x", "snippet": None}])
def test_what_is_no_description_of_a_video(item: object) -> None:
    assert isinstance(judge(item, BELL, Wishes()), str)


def test_every_term_would_find_its_own_class() -> None:
    """A video that is called like the search term is not passed over, whatever the class."""
    for one in CLASSES:
        assert one.search_terms
        for term in one.search_terms:
            assert isinstance(judge(mock_video("x", term), one, Wishes()), Video), term


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT5S", 5), ("PT1H2M3S", 3723), ("P1DT1S", 86401), ("PT4M", 240), ("P1M", None), ("", None)],
)
def test_durations(text: str, seconds: int | None) -> None:
    assert iso_seconds(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59, "0:59"), (600, "10:00"), (3661, "1:01:01")]
)
def test_times_in_lists(seconds: int, text: str) -> None:
    assert clock(seconds) == text


def test_nothing_found_gives_headers_and_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with YouTubeServer({}, {}).running() as address:
        assert run(address, tmp_path, "--classes", "11") == 0
    assert (tmp_path / "out.csv").read_text() == "link,start,end,class\n"
    assert (tmp_path / "out_detailed.csv").read_text() == (
        "link,start,end,class,title,channel,description,license,duration,query\n"
    )
    assert "WARNING: no video was found" in capsys.readouterr().err


def test_a_budget_stops_in_time_and_tomorrow_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = mock_server(), mock_server()
    (tmp_path / "whole").mkdir()
    with whole.running() as address:
        assert run(address, tmp_path / "whole", "--classes", "11", "12") == 0
    arguments = ("--classes", "11", "12", "--budget", "3", "--resume")
    with parts.running() as address:
        assert run(address, tmp_path, *arguments) == 1
        said = capsys.readouterr().err
        assert "the budget of 3 search requests a day is used up; in " in said
        assert "(midnight Pacific time) run again with --resume" in said
        assert parts.count("search") == 3
        assert ids(tmp_path) == ["bell0", "bell3", "bell1", "bell4", "bell2"]
        assert run(address, tmp_path, *arguments) == 1  # the same day
        assert parts.count("search") == 3
        for day in ("2031-01-01", "2031-01-02", "2031-01-03"):
            monkeypatch.setattr(youtube_api, "_pacific_day", lambda day=day: day)
            code = run(address, tmp_path, *arguments)
            if code == 0:
                break
        assert code == 0
    assert parts.terms() == whole.terms()  # nothing was asked for twice
    for name in ("out.csv", "out_detailed.csv"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_resuming_what_is_complete_asks_nothing(tmp_path: Path) -> None:
    server = mock_server()
    with server.running() as address:
        assert run(address, tmp_path, "--classes", "11") == 0
        asked = len(server.requests)
        before = (tmp_path / "out.csv").read_bytes()
        assert run(address, tmp_path, "--classes", "11", "--resume") == 0
    assert len(server.requests) == asked
    assert (tmp_path / "out.csv").read_bytes() == before


def test_starting_anew_keeps_what_was_found_and_what_was_spent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mock_server().running() as address:
        assert run(address, tmp_path, "--classes", "11") == 0
        first = json.loads((tmp_path / "out.state.json").read_text())
        capsys.readouterr()
        assert run(address, tmp_path, "--classes", "12") == 0
    said = capsys.readouterr()
    assert "a new search; the one before is now " in said.err
    assert "out.state.old.json: rename it to out.state.json to go on with it" in said.err
    assert json.loads((tmp_path / "out.state.old.json").read_text()) == first
    second = json.loads((tmp_path / "out.state.json").read_text())
    assert second["terms"].keys() == {"12"}
    assert "out.csv: the list before is now" in said.err
    assert "bell0" in (tmp_path / "out.old.csv").read_text()
    assert second["quota_used"]["search"] > first["quota_used"]["search"]


def test_more_of_one_class_keeps_the_others(tmp_path: Path) -> None:
    with mock_server().running() as address:
        assert run(address, tmp_path, "--classes", "11", "12", "--results", "1") == 0
        assert ids(tmp_path) == ["bell0", "knock0"]
        assert run(address, tmp_path, "--classes", "11", "--results", "3", "--resume") == 0
    assert ids(tmp_path) == ["bell0", "bell3", "bell1", "knock0"]


@pytest.mark.parametrize("fault", ["no key", "no network", "key refused"])
def test_a_search_that_fails_to_begin_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.delenv("YOUTUBE_API_KEY", raising=False)
    server = mock_server()
    with server.running() as address:
        assert run(address, tmp_path, "--classes", "11") == 0
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        if fault == "no key":
            secret = ("--client-secret", str(tmp_path / "none.json"))
            assert run(address, tmp_path, "--classes", "12", *secret, key=False) == 2
        else:
            wrong = api_error(500, "x") if fault == "no network" else api_error(400, "keyInvalid")
            server.faults = [wrong] * 5
            expected = 1 if fault == "no network" else 2
            assert run(address, tmp_path, "--classes", "12") == expected
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    spent = [json.loads(files.pop("out.state.json")) for files in (before, after)]
    assert after == before
    attempts = {"no key": 0, "no network": 5, "key refused": 0}[fault]  # one is not counted: exit 2
    assert spent[1]["quota_used"]["search"] == spent[0]["quota_used"]["search"] + attempts
    assert spent[1]["terms"] == spent[0]["terms"]


def test_what_a_user_does_to_the_list_is_kept(tmp_path: Path) -> None:
    """A row taken out stays out and another comes in its place; one that was changed stays so."""
    path = tmp_path / "out.csv"
    with mock_server().running() as address:
        assert run(address, tmp_path, "--classes", "11", "--results", "3") == 0
        assert ids(tmp_path) == ["bell0", "bell3", "bell1"]
        lines = path.read_text().splitlines()
        lines[1] = lines[1].replace(",0:22,0:42,", ",0:05,0:06.5,")
        path.write_text("\n".join([*lines[:2], lines[3]]) + "\n")
        for _ in range(2):
            assert run(address, tmp_path, "--classes", "11", "--results", "3", "--resume") == 0
            assert ids(tmp_path) == ["bell0", "bell1", "bell4"]
            assert rows(path)[0]["end"] == "0:06.5"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("out.csv", "a,b\n1,2\n", "out.csv: is of another command; choose another --output"),
        ("out_detailed.csv", "a,b\n1,2\n", "out_detailed.csv: is of another command"),
        ("out.csv/", None, "is no place for a list; name a file such as a.csv"),
    ],
)
def test_places_that_are_none_for_a_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, said: str
) -> None:
    if content is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text(content)
    assert run("http://127.0.0.1:9", tmp_path) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name.rstrip("/")]


def test_an_answer_that_is_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A length that is promised and not kept, and then no more."""
    short = (200, b"{", {"Content-Length": "100", "Connection": "close"})
    server = mock_server(faults=[None, None, *[short] * 5])
    with server.running() as address:
        assert run(address, tmp_path, "--classes", "11") == 1
    assert "YouTube cannot be reached: " in capsys.readouterr().err
    assert ids(tmp_path) == ["bell0", "bell1", "bell2"]


def test_a_page_that_is_no_longer_known_is_searched_for_anew(tmp_path: Path) -> None:
    names = [f"v{n:03d}" for n in range(60)]
    server = YouTubeServer(
        {BELL_TERMS[0]: names}, {name: mock_video(name, "A bell") for name in names}
    )
    with server.running() as address:
        assert run(address, tmp_path, "--classes", "11", "--results", "50") == 0
        server.good_tokens = False
        server.results[BELL_TERMS[0]] = [*names[5:], "new"]
        server.videos["new"] = mock_video("new", "A new bell")
        assert run(address, tmp_path, "--classes", "11", "--results", "55", "--resume") == 0
    assert ids(tmp_path)[:50] == names[:50]
    assert len(set(ids(tmp_path))) == 55


@pytest.mark.parametrize(
    ("content", "arguments", "fault"),
    [
        ("{", [], "no state file of this program; remove it"),
        ("[]", [], "no state file of this program; remove it"),
        ('{"version": 1, "wishes": {"license": "x"}}', [], "no state file of this program"),
        (
            '{"version": 1, "wishes": {"region": "FR"}}',
            ["--region", "DE"],
            "was made with region FR; use the same",
        ),
    ],
)
def test_state_files_that_cannot_be_used(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str,
    arguments: list[str],
    fault: str,
) -> None:
    (tmp_path / "out.state.json").write_text(content)
    assert run("http://127.0.0.1:9", tmp_path, "--resume", *arguments) == 2
    assert fault in capsys.readouterr().err
    assert (tmp_path / "out.state.json").read_text() == content
    assert not (tmp_path / "out.csv").exists()


DAILY_429 = api_error(
    429,
    "rateLimitExceeded",
    "Quota exceeded for quota metric 'Search Queries' and limit 'Search Queries per day'",
)


@pytest.mark.parametrize(
    ("fault", "code", "requests", "said"),
    [
        # What passes is tried five times.
        (api_error(500, "backendError"), 1, 5, "YouTube has a fault of its own (500); 5 attempts"),
        ((503, b"<html>", {}), 1, 5, "YouTube has a fault of its own (503); 5 attempts"),
        (api_error(429, "rateLimitExceeded"), 1, 5, "YouTube is asked too fast (429)"),
        (api_error(403, "userRateLimitExceeded"), 1, 5, "YouTube is asked too fast (403)"),
        ((200, b"no json", {}), 1, 5, "YouTube cannot be reached: "),
        ((200, b"[]", {}), 1, 5, "YouTube cannot be reached: the answer is not"),
        # What lasts a day stops the run, with what was found until then.
        (api_error(403, "quotaExceeded"), 1, 1, "today's quota is used up; in "),
        (DAILY_429, 1, 1, "today's quota is used up; in "),
        (api_error(403, "dailyLimitExceeded"), 1, 1, "today's quota is used up; in "),
        # What a user must mend is said.
        (api_error(400, "badRequest", "API key not valid."), 2, 1, "the API key is refused (API"),
        (api_error(400, "keyInvalid"), 2, 1, "check --api_key or YOUTUBE_API_KEY"),
        (api_error(403, "accessNotConfigured"), 2, 1, "Data API is not enabled for this project"),
        (api_error(403, "forbidden", "No <b>way</b>."), 2, 1, "refuses access (403: No way.)"),
        (api_error(401, "authError"), 2, 3, "refuses access (401: No.)"),  # Google tries anew
        (api_error(404, "notFound"), 1, 1, "YouTube refuses the request (404: No.)"),
    ],
)
def test_faults_are_told_apart(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    pauses: list[float],
    fault: tuple[int, bytes, dict[str, str]],
    code: int,
    requests: int,
    said: str,
) -> None:
    server = mock_server(faults=[None, None, *[fault] * 9])
    with server.running() as address:
        assert run(address, tmp_path, "--classes", "11") == code
    assert len(server.requests) == 2 + requests
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert len(pauses) == (requests - 1 if code == 1 else 0)
    assert all(2**n <= pause <= 2**n + 1 for n, pause in enumerate(pauses))
    if code == 1:
        assert ids(tmp_path) == ["bell0", "bell1", "bell2"]
    else:
        assert not (tmp_path / "out.csv").exists()


def test_faults_that_pass_are_waited_for(tmp_path: Path, pauses: list[float]) -> None:
    server = mock_server(faults=[(503, b"", {"Retry-After": "7"}), None, (500, b"", {}), None])
    with server.running() as address:
        assert run(address, tmp_path, "--classes", "11", "--results", "1") == 0
    assert ids(tmp_path) == ["bell0"]
    assert pauses[0] == 7
    assert len(pauses) == 2
    state = json.loads((tmp_path / "out.state.json").read_text())
    assert state["quota_used"] == {"search": 2, "other": 2}  # each attempt counts


def test_nobody_listens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pauses: list[float]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert run(address, tmp_path, "--classes", "11") == 1
    assert "YouTube cannot be reached: " in capsys.readouterr().err
    assert len(pauses) == 4
    state = json.loads((tmp_path / "out.state.json").read_text())
    assert state["quota_used"]["search"] == 0


def test_ctrl_c_keeps_what_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(youtube_api.time, "sleep", interrupt)
    server = mock_server(faults=[None, None, api_error(500, "x")])
    with server.running() as address:
        assert run(address, tmp_path, "--classes", "11") == 130
        assert ids(tmp_path) == ["bell0", "bell1", "bell2"]
        assert "interrupted; --resume goes on from here" in capsys.readouterr().err
        assert run(address, tmp_path, "--classes", "11", "--resume") == 0
    assert ids(tmp_path) == ["bell0", "bell3", "bell1", "bell4", "bell2"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--classes", "13"], "--classes 13: no such class; 0 to 12, or a name"),
        (["--classes", "trumpet"], "--classes trumpet: no such class; did you mean instrument?"),
        (["--api_key", "a b"], "the API key holds blanks or unusual characters"),
        (["--api_key", "a\nb"], "the API key holds blanks or unusual characters"),
        (["--class-table", "none.yaml"], "none.yaml: cannot be read"),
    ],
)
def test_faults_of_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run("http://127.0.0.1:9", tmp_path, *arguments) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--results", "0"],
        ["--region", "Germany"],
        ["--budget", "x"],
        ["--api-endpoint", "localhost:9"],
    ],
)
def test_options_that_argparse_refuses(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["youtube", *arguments])
    assert caught.value.code == 2


def test_classes_in_order_and_once(tmp_path: Path) -> None:
    server = mock_server()
    with server.running() as address:
        arguments = ("--classes", "Knock", "bell", "11", "--results", "1")
        assert run(address, tmp_path, *arguments) == 0
    assert server.terms() == [BELL_TERMS[0], KNOCK_TERMS[0]]


def test_a_class_table_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "replace: {bell: {search_terms: [gong], title_any: [gong], title_never: []}}"
    )
    server = YouTubeServer({"gong": ["g"]}, {"g": mock_video("g", "My gong")})
    with server.running() as address:
        table = str(tmp_path / "c.yaml")
        assert run(address, tmp_path, "--classes", "11", "--class-table", table) == 0
    assert ids(tmp_path) == ["g"]


def test_quota_is_data_and_days_are_those_of_california(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {bucket for bucket, _ in QUOTA_COSTS.values()} == DAILY_QUOTA.keys()
    pacific = ZoneInfo("America/Los_Angeles")
    monkeypatch.setattr(
        youtube_api, "_pacific_now", lambda: datetime(2026, 7, 1, 21, 29, 30, tzinfo=pacific)
    )
    assert when_renewed() == "in 2:31 h (midnight Pacific time)"
    quota = Quota.today({"search": 2, "other": 9})
    quota.spend("search.list")
    quota.spend("search.list")
    with pytest.raises(QuotaError):
        quota.spend("search.list")
    quota.spend("videos.list")
    assert (quota.day, quota.used) == ("2026-07-01", {"search": 2, "other": 1})
    monkeypatch.setattr(
        youtube_api, "_pacific_now", lambda: datetime(2026, 7, 2, 0, 0, 1, tzinfo=pacific)
    )
    quota.spend("search.list")
    assert (quota.day, quota.used) == ("2026-07-02", {"search": 1, "other": 0})


def test_googles_own_mock_understands_our_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The discovery document in the wheel, without any server."""
    from googleapiclient.http import HttpMockSequence

    mock = HttpMockSequence(
        [
            ({"status": "200"}, json.dumps({"items": [], "nextPageToken": "CDIQAA"})),
            ({"status": "200"}, json.dumps({"items": [mock_video("x", "A bell")]})),
        ]
    )
    monkeypatch.setattr("httplib2.Http", lambda timeout: mock)
    youtube = YouTube(key_credentials(KEY), Quota.today(DAILY_QUOTA))
    assert youtube.search("bell", page=None, regionCode="DE")["nextPageToken"] == "CDIQAA"
    assert [item["id"] for item in youtube.videos(["x"])] == ["x"]
    first, second = (urlsplit(uri) for uri, *_ in mock.request_sequence)
    assert (first.netloc, first.path) == ("youtube.googleapis.com", "/youtube/v3/search")
    assert parse_qs(first.query)["q"] == ["bell"]
    assert second.path == "/youtube/v3/videos"
    assert parse_qs(second.query)["part"] == ["snippet,contentDetails,status"]


class LoginServer:
    """An OAuth server: agrees at once, gives tokens, and knows which are still good."""

    def __init__(self) -> None:
        self.exchanges: list[str] = []

    def handler(self) -> type[QuietHandler]:
        outer = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802
                query = parse_qs(urlsplit(self.path).query)
                target = f"{query['redirect_uri'][0]}?code=yes&state={query['state'][0]}"
                self.answer(302, b"", Location=target)

            def do_POST(self) -> None:  # noqa: N802
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                outer.exchanges.append(form["grant_type"][0])
                token = {"access_token": "short", "expires_in": 3600, "token_type": "Bearer"}
                body = json.dumps({**token, "refresh_token": "long"}).encode()
                self.answer(200, body, **{"Content-Type": "application/json"})

        return Handler


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoginServer]:
    """A login server, a client secret that names it, and a browser that agrees."""
    server = LoginServer()
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.delenv("YOUTUBE_API_KEY", raising=False)

    class Browser:
        def open(self, url: str, **_: object) -> None:
            threading.Thread(target=lambda: urllib.request.urlopen(url).close()).start()

    monkeypatch.setattr(webbrowser, "get", lambda using=None: Browser())
    with serving(server.handler()) as address:
        secret = {
            "client_id": "us",
            "client_secret": "s",
            "redirect_uris": ["http://localhost"],
            "auth_uri": f"{address}/auth",
            "token_uri": f"{address}/token",
        }
        (tmp_path / "client_secret.json").write_text(json.dumps({"installed": secret}))
        # Kept logins are renewed at Google's address, whatever the client secret says.
        endpoint = "google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT"
        monkeypatch.setattr(endpoint, secret["token_uri"])
        yield server


def test_logging_in_once_is_enough(tmp_path: Path, login: LoginServer) -> None:
    kept = tmp_path / "client_secret.token.json"
    arguments = ("--client-secret", str(tmp_path / "client_secret.json"), "--classes", "11")
    server = mock_server()
    with server.running() as address:
        assert run(address, tmp_path, *arguments, key=False) == 0
        assert login.exchanges == ["authorization_code"]
        assert server.requests[0][2]["authorization"] == "Bearer short"
        assert kept.stat().st_mode & 0o777 == 0o600
        token = json.loads(kept.read_text())
        assert run(address, tmp_path, *arguments, key=False) == 0
        assert login.exchanges == ["authorization_code"]
        kept.write_text(json.dumps({**token, "expiry": "2020-01-01T00:00:00Z"}))
        assert run(address, tmp_path, *arguments, key=False) == 0
        assert login.exchanges == ["authorization_code", "refresh_token"]
        kept.write_text("{}")
        assert run(address, tmp_path, *arguments, key=False) == 0
    assert login.exchanges == ["authorization_code", "refresh_token", "authorization_code"]


def test_no_browser_to_log_in_with(
    tmp_path: Path,
    login: LoginServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(using: object = None) -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    arguments = ("--client-secret", str(tmp_path / "client_secret.json"))
    assert run("http://127.0.0.1:9", tmp_path, *arguments, key=False) == 2
    assert "no browser to log in with; log in on another machine" in capsys.readouterr().err


def test_nobody_logs_in(
    tmp_path: Path,
    login: LoginServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Browser:
        def open(self, url: str, **_: object) -> None: ...

    monkeypatch.setattr(webbrowser, "get", lambda using=None: Browser())
    monkeypatch.setattr(youtube_api, "_LOGIN_S", 1)
    arguments = ("--client-secret", str(tmp_path / "client_secret.json"))
    assert run("http://127.0.0.1:9", tmp_path, *arguments, key=False) == 2
    assert "nobody logged in within" in capsys.readouterr().err


def test_tokens_are_in_no_log(
    tmp_path: Path, login: LoginServer, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--client-secret", str(tmp_path / "client_secret.json"), "--classes", "11")
    with mock_server().running() as address:
        assert run(address, tmp_path, "-vvv", *arguments, key=False) == 0
    said = capfd.readouterr()
    assert not any(secret in said.out + said.err for secret in ("long", "short", "code=yes"))


def test_neither_key_nor_client_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("YOUTUBE_API_KEY", raising=False)
    arguments = ("--client-secret", str(tmp_path / "none.json"))
    assert run("http://127.0.0.1:9", tmp_path, *arguments, key=False) == 2
    assert "none.json: no such file; give --api_key, set YOUTUBE_API_KEY" in capsys.readouterr().err
    (tmp_path / "none.json").write_text("{}")
    assert run("http://127.0.0.1:9", tmp_path, *arguments, key=False) == 2
    assert "none.json: no OAuth client secret" in capsys.readouterr().err
