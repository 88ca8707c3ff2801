"""The pages in a real browser: Debian's Chromium, without a screen, driven by its ChromeDriver."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from seldsynth.cli import main
from seldsynth.sphere import angles_to_doa, foa_gains
from tests.conftest import lacks, mock_image, mock_labels, mock_project, mock_sound
from tests.test_serve import served

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        lacks("chromium", "chromedriver"), reason="no chromium and chromedriver here (Debian's)"
    ),
]
FLAGS = (
    *("--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--no-first-run"),
    *("--enable-unsafe-swiftshader", "--autoplay-policy=no-user-gesture-required"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-quic", "--window-size=1000,700", "--force-device-scale-factor=1"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service(DRIVER), options=options)
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


def compass(width: int = 1024, height: int = 512) -> NDArray[np.uint8]:
    """A canvas whose colours tell directions: green goes left to right, red from top to bottom."""
    across = np.abs(np.linspace(-1, 1, width))  # the same at both ends of the seam
    side = np.where(np.arange(width) < width // 2, 60, 200)
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 1] = np.round(40 + 170 * across)
    pixels[..., 2] = np.round(np.linspace(30, 220, height))[:, None]
    pixels[..., 0] = side
    return pixels


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bell on the left, seen and heard; and a recording with four microphones."""
    folder = tmp_path_factory.mktemp("browser")
    canvas = {"width": 1024, "height": 512}
    tiles = {"size": "fixed", "fixed_deg": 20.0, "matte": "none"}
    config = mock_project(folder, input={"audio_dir": "sound"}, canvas=canvas, tiles=tiles)
    mock_image(folder / "canvas" / "room.png", compass())
    noise = np.random.default_rng(0).normal(0, 0.1, (24000 * 4, 1))
    left = foa_gains(angles_to_doa(torch.tensor(90.0), torch.tensor(0.0))).numpy()
    for name, kind, class_id in (("mix", "foa", 11), ("mics", "mic", 3)):
        rows = [(n, class_id, 0, 90, 0, 200) for n in range(40)]
        mock_labels(folder / "labels" / f"{name}.csv", rows)
        mock_sound(folder / "sound" / kind / f"{name}.wav", noise * left)
    assert main(["synth", "--config", str(config), "-q"]) == 0
    return folder / "videos"


@pytest.fixture(scope="module")
def address(videos: Path) -> Iterator[str]:
    with served(videos) as port:
        yield f"http://127.0.0.1:{port}"


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def complaints(browser: webdriver.Chrome) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]  # type: ignore[no-untyped-call]


def open_player(browser: webdriver.Chrome, address: str, name: str = "mix") -> None:
    browser.get(f"{address}/-/player?name={name}")
    wait_for(lambda: browser.execute_script("return window.seldsynth && seldsynth.ready"))
    wait_for(lambda: browser.execute_script("return seldsynth.video.readyState >= 2"))


def canvas_pixels(browser: webdriver.Chrome, name: str) -> NDArray[np.uint8]:
    """What a canvas of the player shows, [h, w, 4], blue first."""
    script = (
        "seldsynth.draw(); return document.getElementById(arguments[0]).toDataURL().split(',')[1]"
    )
    content = base64.b64decode(browser.execute_script(script, name))
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(pixels, np.uint8)


@pytest.mark.parametrize("served_or_not", ["file", "http"])
def test_the_gallery(
    browser: webdriver.Chrome, address: str, videos: Path, served_or_not: str
) -> None:
    page = f"file://{videos}/index.html" if served_or_not == "file" else f"{address}/index.html"
    browser.get(page)
    names = "return [...document.querySelectorAll('.card .name')].map(one => one.textContent)"
    wait_for(lambda: browser.execute_script("return document.querySelectorAll('.card').length"))
    assert browser.execute_script(names) == ["mics", "mix"]
    loaded = "return [...document.images].every(one => one.complete && one.naturalWidth === 480)"
    wait_for(lambda: browser.execute_script(loaded))
    assert browser.execute_script("return document.querySelectorAll('.chart').length") == 6
    drawn = (
        "return [...document.querySelectorAll('canvas')].map(one => {"
        "const data = one.getContext('2d').getImageData(0, 0, one.width, one.height).data;"
        "return new Set(new Uint32Array(data.buffer)).size})"
    )
    assert min(browser.execute_script(drawn)) > 2
    browser.execute_script(
        "[...document.querySelectorAll('.chip')].find(one => one.textContent === 'bell').click()"
    )
    assert browser.execute_script(names) == ["mix"]
    browser.execute_script(
        "const box = document.getElementById('search'); box.value = 'class_3/';"
        "box.dispatchEvent(new Event('input'))"
    )
    assert browser.execute_script(names) == []
    browser.execute_script(
        "[...document.querySelectorAll('.chip')].find(one => one.textContent === 'bell').click()"
    )
    assert browser.execute_script(names) == ["mics"]
    links = browser.execute_script(
        "return [...document.querySelectorAll('.links a')].map(one => one.textContent)"
    )
    assert ("look around" in links) == (served_or_not == "http")
    assert complaints(browser) == []


def test_the_video_plays(browser: webdriver.Chrome, address: str) -> None:
    open_player(browser, address)
    browser.execute_script("document.getElementById('play').click()")
    wait_for(lambda: browser.execute_script("return seldsynth.video.currentTime") > 0.5)
    assert not browser.execute_script("return seldsynth.video.paused")
    assert complaints(browser) == []


@pytest.mark.parametrize(
    ("yaw", "pitch"), [(0, 0), (60, 0), (180, 0), (-120, 30), (30, -60), (10, 89), (179, -89)]
)
def test_the_sphere_shows_where_one_looks(
    browser: webdriver.Chrome, address: str, yaw: float, pitch: float
) -> None:
    """Pixels of the view against the canvas, by a camera of our own in plain NumPy."""
    open_player(browser, address)
    browser.execute_script(
        f"seldsynth.video.pause(); seldsynth.set({{yaw: {yaw}, pitch: {pitch}, zoom: 80}})"
    )
    shown = canvas_pixels(browser, "view")
    height, width = shown.shape[:2]
    canvas, focal = compass().astype(float), width / 2 / np.tan(np.radians(40))
    up_angle, turn = np.radians(pitch), np.radians(yaw)
    compared = 0
    for x, y in [(0.5, 0.5), (0.2, 0.3), (0.8, 0.75), (0.9, 0.1), (0.35, 0.9)]:
        column, row = int(x * width), int(y * height)
        right, down = column + 0.5 - width / 2, row + 0.5 - height / 2
        level = focal * np.cos(up_angle) + down * np.sin(up_angle)
        rise = focal * np.sin(up_angle) - down * np.cos(up_angle)
        azimuth = np.degrees(turn - np.arctan2(right, level))
        elevation = np.degrees(np.arctan2(rise, np.hypot(level, right)))
        if abs((azimuth - 90 + 180) % 360 - 180) < 25 and abs(elevation) < 25:
            continue  # the bell
        there = int((180 - azimuth) % 360 / 360 * 1024) % 1024, int((90 - elevation) / 180 * 512)
        if min(there[0] % 512, 512 - there[0] % 512) < 8:
            continue  # the halves meet
        expected = canvas[min(there[1], 511), there[0]]
        assert np.abs(shown[row, column, :3] - expected).max() < 14, (x, y, azimuth, elevation)
        compared += 1
    assert compared >= 3


def test_the_flat_view_shows_all(browser: webdriver.Chrome, address: str) -> None:
    open_player(browser, address)
    browser.execute_script("seldsynth.video.pause(); seldsynth.set({flat: true, yaw: 77})")
    shown = canvas_pixels(browser, "view")
    height, width = shown.shape[:2]
    wide, high = min(width, 2 * height), min(height, width // 2)
    for x, y in [(0.1, 0.1), (0.4, 0.8), (0.6, 0.3), (0.95, 0.9)]:
        column = int((width - wide) / 2 + x * wide)
        row = int((height - high) / 2 + y * high)
        expected = compass()[int(y * 512), int(x * 1024)].astype(float)
        assert np.abs(shown[row, column, :3] - expected).max() < 14


def test_labels_lie_on_what_they_name(browser: webdriver.Chrome, address: str) -> None:
    open_player(browser, address)
    browser.execute_script("seldsynth.video.pause(); seldsynth.set({yaw: 90, pitch: 0, zoom: 80})")
    drawn = canvas_pixels(browser, "labels")[..., 3] > 100
    height, width = drawn.shape
    half = np.tan(np.radians(10)) / np.tan(np.radians(40)) * width / 2
    assert drawn[height // 2, width // 2]  # the cross
    for side in (-1, 1):  # the picture is 64 x 48 pixels: as wide as 20°
        edge = round(width / 2 + side * half)
        assert drawn[height // 2 + 30, edge - 3 : edge + 4].any()
    assert not drawn[height // 2 + 30, round(width / 2 + half) + 8 :].any()
    for yaw in (-90, 180):  # behind, and out of the view to the side
        browser.execute_script(f"seldsynth.set({{yaw: {yaw}}})")
        assert not canvas_pixels(browser, "labels")[..., 3].any()
    browser.execute_script("seldsynth.set({yaw: 90, labels: false})")
    assert not canvas_pixels(browser, "labels")[..., 3].any()


def loudness(browser: webdriver.Chrome, **view: float) -> tuple[float, float]:
    """How loud each ear is, left and right, some time after turning."""
    script = """
    const [view, done] = arguments;
    (async () => {
      await seldsynth.play();
      seldsynth.set(view);
      const context = seldsynth.context;
      const ears = context.createChannelSplitter(2);
      seldsynth.sound.output.connect(ears);
      const meters = [0, 1].map((ear) => {
        const meter = new AnalyserNode(context, { fftSize: 16384 });
        ears.connect(meter, ear);
        return meter;
      });
      await new Promise((resolve) => setTimeout(resolve, 900));
      const powers = meters.map((meter) => {
        const samples = new Float32Array(meter.fftSize);
        meter.getFloatTimeDomainData(samples);
        return samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
      });
      seldsynth.sound.output.disconnect(ears);
      done(powers);
    })().catch((error) => done(String(error)));
    """
    left, right = browser.execute_async_script(script, view)
    return float(left), float(right)


def test_the_sound_turns_with_the_view(browser: webdriver.Chrome, address: str) -> None:
    """A bell on the left is on the right for one who has turned around."""
    open_player(browser, address)
    loudness(browser, yaw=0, pitch=0)  # the filters for ears are there a moment after the start
    left, right = loudness(browser, yaw=0, pitch=0)
    assert left > 2.5 * right > 0
    left, right = loudness(browser, yaw=180)
    assert right > 2.5 * left > 0
    left, right = loudness(browser, yaw=90)
    assert left == pytest.approx(right, rel=0.35)
    assert complaints(browser) == []


LOUDSPEAKERS = """
const [gains, yaw, pitch, done] = arguments;
(async () => {
  const { AmbisonicSound } = await import("/-/app/sound.js");
  const context = new OfflineAudioContext(8, 24000, 24000);
  const buffer = context.createBuffer(4, 24000, 24000);
  gains.forEach((gain, channel) => buffer.getChannelData(channel).fill(gain));
  const source = new AudioBufferSourceNode(context, { buffer });
  const sound = new AmbisonicSound(context, source);
  sound.output.disconnect();
  const merger = new ChannelMergerNode(context, { numberOfInputs: 8 });
  sound.loudspeakers.forEach(({ feed }, index) => feed.connect(merger, 0, index));
  merger.connect(context.destination);
  sound.turn(yaw, pitch);
  source.start();
  const played = await context.startRendering();
  done(sound.loudspeakers.map(({ direction }, index) =>
    [...direction, played.getChannelData(index)[23000]]));
})().catch((error) => done(String(error)));
"""


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (90, 0), (-120, 0), (0, 60), (35, -40)])
def test_loudspeakers_play_what_is_in_their_direction(
    browser: webdriver.Chrome, address: str, yaw: float, pitch: float
) -> None:
    """Their weighted mean is where the sound is, seen by one who has turned; on every axis."""
    browser.get(f"{address}/-/player?name=mix")
    front = angles_to_doa(torch.tensor(float(yaw)), torch.tensor(float(pitch))).numpy()
    up = angles_to_doa(torch.tensor(float(yaw)), torch.tensor(float(pitch) + 90)).numpy()
    left = np.cross(up, front)
    for azimuth, elevation in ((0, 0), (90, 0), (180, 0), (0, 90), (0, -90), (-50, 30)):
        doa = angles_to_doa(torch.tensor(float(azimuth)), torch.tensor(float(elevation)))
        gains = foa_gains(doa).tolist()
        heard = np.array(browser.execute_async_script(LOUDSPEAKERS, gains, yaw, pitch))
        assert heard.shape == (8, 4)
        mean = (heard[:, :3] * heard[:, 3:]).sum(axis=0) / heard[:, 3].sum()
        expected = [float(doa.numpy() @ axis) for axis in (front, left, up)]
        assert mean == pytest.approx(expected, abs=0.01), (azimuth, elevation)


def test_other_sites_read_nothing(browser: webdriver.Chrome, address: str) -> None:
    """A page of another origin that takes our data for a script of its own."""
    browser.get("data:text/html,<p>another site</p>")
    browser.execute_script(
        "const one = document.createElement('script'); one.src = arguments[0];"
        "one.onerror = () => document.title = 'refused';"
        "one.onload = () => document.title = 'read';"
        "document.head.append(one)",
        f"{address}/gallery/data.js",
    )
    wait_for(lambda: browser.title in ("refused", "read"))
    assert browser.title == "refused"
    assert browser.execute_script("return window.SELDSYNTH === undefined")
    complaints(browser)


def test_microphones_are_not_turned(browser: webdriver.Chrome, address: str) -> None:
    open_player(browser, address, "mics")
    ahead, behind = (loudness(browser, yaw=yaw) for yaw in (0, 180))
    assert ahead == pytest.approx(behind, rel=0.5)
    said = browser.execute_script("return document.getElementById('name').textContent")
    assert "4 channels, not turned" in said


def test_keys_and_dragging(browser: webdriver.Chrome, address: str) -> None:
    open_player(browser, address)
    press = "window.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}))"
    press = press.replace("window.dispatch", "document.body.dispatch")
    for key, expected in (
        ("ArrowLeft", {"yaw": 5}),
        ("ArrowUp", {"pitch": 5}),
        ("ArrowRight", {"yaw": 0}),
        ("ArrowDown", {"pitch": 0}),
        ("l", {"labels": False}),
        ("F", {"flat": True}),
        ("f", {"flat": False}),
    ):
        browser.execute_script(press, key)
        view = browser.execute_script("return seldsynth.view")
        assert {name: view[name] for name in expected} == expected
    browser.execute_script(press, "+")
    assert browser.execute_script("return seldsynth.view.zoom") < 90
    browser.execute_script(press, "Home")
    drag = webdriver.ActionChains(browser)
    stage = browser.find_element("id", "stage")
    drag.drag_and_drop_by_offset(stage, 200, 0).perform()
    width = browser.execute_script("return document.getElementById('stage').clientWidth")
    view = browser.execute_script("return seldsynth.view")
    assert view["yaw"] == pytest.approx(200 * 90 / width, abs=1)
    browser.execute_script(press, " ")
    wait_for(lambda: browser.execute_script("return seldsynth.video.currentTime") > 0.1)
    for control in ("play", "flat", "show-labels"):  # keys go on working after a click
        browser.find_element("id", control).click()
    before = browser.execute_script("return seldsynth.view")
    webdriver.ActionChains(browser).send_keys("f").perform()
    assert browser.execute_script("return seldsynth.view.flat") != before["flat"]
    seek = browser.find_element("id", "seek")
    browser.execute_script(
        "const seek = arguments[0]; seek.focus(); seek.value = 1.5;"
        "seek.dispatchEvent(new Event('input')); seldsynth.play()",
        seek,
    )
    wait_for(lambda: browser.execute_script("return seldsynth.video.currentTime") > 2)
    wait_for(lambda: float(seek.get_property("value")) > 1.9)


def test_a_recording_that_is_not_there(browser: webdriver.Chrome, address: str) -> None:
    browser.get(f"{address}/-/player?name=%3Cimg%20src=x%3E")
    text = "return document.getElementById('message').textContent"
    wait_for(lambda: browser.execute_script(text))
    assert browser.execute_script(text).startswith("no recording <img src=x> here")
    complaints(browser)  # the answer that it is not there
