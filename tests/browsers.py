"""A real Chromium for the tests: one for the whole session, whoever asks for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from playwright.sync_api import Browser, sync_playwright

# Of two lists Chromium takes the last, so this holds Playwright's (chromiumSwitches in its coreBundle.js).
PLAYWRIGHTS_UNWANTED = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding",
    "ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints",
    "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch",
)  # fmt: skip
# Every context opens a window of its own, and with these two more pages for what its address box might list.
OUR_UNWANTED = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    f"--disable-features={','.join((*PLAYWRIGHTS_UNWANTED, *OUR_UNWANTED))}",
)  # fmt: skip


def find_browser() -> str | None:
    """Find a Chromium: $CHROMIUM first."""
    given = os.environ.get("CHROMIUM")
    return given or next((path for name in BROWSERS if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium for the session. Missing, it is a failure where CI=true and a skip elsewhere."""
    path = find_browser()
    if path is None:
        say = "no Chromium found: apt-get install -y --no-install-recommends chromium fonts-noto-cjk"
        if os.environ.get("CI") == "true":
            pytest.fail(say)
        pytest.skip(say)
    with patch.dict(os.environ, {"DJANGO_ALLOW_ASYNC_UNSAFE": "1"}), sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()
