"""Make the pictures of the pages from the demo: python docs/images/make_screenshots.py.

Needs Debian's chromium and chromium-driver.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.test_browser import CHROMIUM, DRIVER, FLAGS
from tests.test_serve import served

HERE = Path(__file__).parent
VIDEOS = HERE.parents[1] / "demo" / "videos"


def save(browser: webdriver.Chrome, name: str) -> None:
    picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    picture.save(HERE / name, quality=82, method=6)
    print(HERE / name, (HERE / name).stat().st_size)


def main() -> None:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in FLAGS:
        options.add_argument(flag)
    browser = webdriver.Chrome(service=Service(DRIVER), options=options)
    try:
        with served(VIDEOS) as port:
            browser.set_window_size(1360, 1500)
            browser.get(f"http://127.0.0.1:{port}/index.html")
            time.sleep(2)
            save(browser, "gallery.webp")
            browser.set_window_size(1280, 860)
            browser.get(f"http://127.0.0.1:{port}/-/player?name=look_around")
            time.sleep(2)
            browser.execute_script(
                "seldsynth.set({yaw: 35, pitch: -4, zoom: 105}); seldsynth.video.currentTime = 8"
            )
            time.sleep(2)
            save(browser, "player.webp")
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
