"""A headless browser for tests: pages are opened, measured and photographed through the DevTools protocol over a pipe.

Chromium reads commands from file descriptor 3 and answers on 4, each message ending in a zero byte; nothing but the
standard library is needed, and no port is opened.
"""
import base64
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import count

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-extensions",
           "--disable-background-networking", "--no-first-run", "--remote-debugging-pipe")
# Moves the two ends of the pipes to where the browser expects them, then becomes the browser.
LAUNCH = """import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, place in zip(ends, (3, 4)):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One browser with one page; use as a context manager."""

    def __enter__(self):
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        (their_in, self.out), (self.into, their_out) = os.pipe(), os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(their_in), str(their_out), program, *OPTIONS,
             f"--user-data-dir={self.home.name}"], pass_fds=(their_in, their_out), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(their_in)
        os.close(their_out)
        self.numbers, self.rest, self.events, self.session = count(1), b"", [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Runtime", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.session = None
        try:
            self.call("Browser.close")
            self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self.out)
            os.close(self.into)
            self.home.cleanup()

    def _read(self):
        while b"\0" not in self.rest:
            got = os.read(self.into, 1 << 16)
            if not got:
                raise EOFError("the browser is gone")
            self.rest += got
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def call(self, method, **params):
        """Send a command and wait for its answer; what happens meanwhile is kept in ``events``."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, path, *, width, height=800, dark=False):
        """Open a file in a window of ``width`` pixels, in the light or dark scheme, and wait until it is loaded."""
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 700)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._read())

    def complaints(self):
        """What the console of the page shows, and exceptions."""
        loud = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [e["params"] for e in self.events if e.get("method") in loud]

    def requests(self):
        """Addresses that the page asked for."""
        return [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]

    def ask(self, expression):
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self):
        """The window as a Pillow image."""
        from PIL import Image
        data = self.call("Page.captureScreenshot", format="png")["data"]
        return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
