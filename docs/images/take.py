"""Takes the pictures of docs/monitoring.md anew, from a real run on the sample data: `make screenshots`.

Needs Chromium and pngquant (Debian's packages `chromium` and `pngquant`) beside the environment that `make` sets up. Chromium is driven by
its own debugging protocol, over the aiohttp that Ray brings along.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

HERE = Path(__file__).parent
SPACE = HERE.parents[1] / "search_spaces" / "lr.yaml"
SUMMTUNE = [sys.executable, "-m", "summtune"]
COLOURS = 64
PATIENCE_S = 900
RENDERED_S = 90


class Page:
    """A page of a browser.

    Args:
        socket: to the page's end of the debugging protocol.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol, and its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            answer = json.loads((await self._socket.receive()).data)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    async def evaluate(self, expression: str) -> Any:
        """A value of the page."""
        return (await self.call("Runtime.evaluate", expression=expression, returnByValue=True))["result"].get("value")

    async def take(self, url: str, name: str, *, wait_for: str, width: int = 1200, height: int = 0, first: str = "") -> None:
        """Write a picture of a page once it says what it is to say.

        Args:
            url: of the page.
            name: of the picture.
            wait_for: a pattern in the page's text.
            width: in CSS pixels.
            height: in CSS pixels; 0 for that of the page.
            first: a script that is executed before.
        """
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height or 900, deviceScaleFactor=1, mobile=False)
        await self.call("Page.navigate", url="about:blank")
        await self.call("Page.navigate", url=url)
        deadline = time.monotonic() + RENDERED_S
        while not re.search(wait_for, text := await self.evaluate("document.body ? document.body.innerText : ''") or "", re.DOTALL):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} does not show {wait_for!r}:\n{text[:2000]}")
            await asyncio.sleep(0.5)
        if first:
            await self.evaluate(first)
        await asyncio.sleep(4)  # for charts, which move in
        if not height:
            height = int(await self.evaluate("Math.ceil(document.documentElement.getBoundingClientRect().height) + 32"))
            await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
            await asyncio.sleep(1)
        picture = await self.call("Page.captureScreenshot", format="png")
        whole = HERE / f"{name}.whole.png"
        whole.write_bytes(base64.b64decode(picture["data"]))
        smaller = ["pngquant", "--force", "--strip", "--output", str(HERE / f"{name}.png"), str(COLOURS), str(whole)]
        subprocess.run(smaller, check=True)
        whole.unlink()
        print(f"{name}.png: {(HERE / f'{name}.png').stat().st_size / 1000:.0f} kB", flush=True)


@asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    """A page of a Chromium without a screen."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
        ]
        process = subprocess.Popen(["chromium", *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port_file = Path(profile, "DevToolsActivePort")
            await until(lambda: port_file.exists() and "\n" in port_file.read_text(encoding="utf-8"), "Chromium")
            port = port_file.read_text(encoding="utf-8").split()[0]
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    (target,) = [one for one in await answer.json() if one["type"] == "page"]
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.terminate()
            process.wait(30)


async def until(reached: Callable[[], Any], what: str) -> Any:
    """Wait for something to come true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := reached()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} never came")
        await asyncio.sleep(0.5)
    return found


def pages(folder: Path) -> dict[str, Any]:
    """What `summtune dashboard` says of the run."""
    done = subprocess.run([*SUMMTUNE, "dashboard", "lr", "--json"], cwd=folder, capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {}


def shown(folder: Path) -> dict[str, Any]:
    """What `summtune show` says of it."""
    return dict(
        json.loads(subprocess.run([*SUMMTUNE, "show", "lr", "--json"], cwd=folder, capture_output=True, text=True, check=True).stdout)
    )


def token() -> str:
    """What Ray's dashboard asks for."""
    return (Path.home() / ".ray" / "auth_token").read_text(encoding="utf-8").strip()


async def while_it_runs(page: Page, folder: Path) -> None:
    """Ray's dashboard, once two trials have reported."""
    found = await until(lambda: (pages(folder).get("ray") or {}).get("url"), "Ray's dashboard")
    await until(lambda: sum(bool(trial["iteration"]) for trial in shown(folder)["trials"]) >= 2, "reports")
    base = found.partition("/#/")[0]
    await page.call("Network.setCookie", name="ray-authentication-token", value=token(), url=base)
    name = shown(folder)["run"]
    await page.take(f"{base}/#/jobs", "ray-jobs", wait_for="summtune run", width=1600, height=540)
    await page.take(f"{base}/#/actors", "ray-actors", wait_for=name, width=1600, height=540)


async def when_it_is_over(page: Page, folder: Path) -> None:
    """Report and study."""
    await page.take(pages(folder)["report"]["url"], "report", wait_for="Trials")
    words = [*SUMMTUNE, "dashboard", "lr", "--serve", "--port", "0", "--json"]
    with (folder / "pages.json").open("w", encoding="utf-8") as told:
        server = subprocess.Popen(words, cwd=folder, stdout=told, stderr=subprocess.DEVNULL)
    try:
        url = await until(lambda: re.search(r'http://127[^"]*', (folder / "pages.json").read_text(encoding="utf-8")), "optuna-dashboard")
        await page.take(url[0], "optuna-history", wait_for="Hyperparameter Importance", width=1500, height=1000)
        await page.take(f"{url[0]}/analytics", "optuna-slice", wait_for="Cumulative", width=1500, height=670)
    finally:
        server.terminate()
        server.wait(30)


async def main() -> None:
    """Run, and take all pictures."""
    for program in ("chromium", "pngquant"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed (Debian's package of that name).")
    with tempfile.TemporaryDirectory(prefix="summtune-pictures-") as temporary:
        folder = Path(temporary)
        with (folder / "output").open("w", encoding="utf-8") as output:
            # As a person would have typed it: pictures are to show no path of the machine that they were taken on.
            shutil.copy(SPACE, folder)
            words, named = ["python", "-m", "summtune", "run", SPACE.name], {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
            run = subprocess.Popen(words, cwd=folder, env={**os.environ, **named}, stdout=output, stderr=subprocess.STDOUT)
        try:
            async with browser() as page:
                await while_it_runs(page, folder)
                await until(lambda: run.poll() is not None, "the run's end")
                if run.returncode:
                    sys.exit((folder / "output").read_text(encoding="utf-8"))
                await when_it_is_over(page, folder)
        finally:
            if run.poll() is None:
                run.terminate()
                run.wait(120)


if __name__ == "__main__":
    asyncio.run(main())
