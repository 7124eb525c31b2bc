"""A headless Chromium through chromedriver's own HTTP interface (W3C WebDriver): a few calls need no client library."""

import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key the standard gives to references of elements


def missing():
    """Return why no browser can be used, or an empty string."""
    lacking = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    hint = "apt-get install chromium chromium-driver"
    return f"no {' and no '.join(lacking)} ({hint})" if lacking else ""


class Browser:
    """One window; ``with Browser(...) as page``."""

    def __init__(self, profile, width=1280, height=900, arguments=()):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"HOME": str(profile)},
        )
        for line in self.driver.stdout:
            if found := re.search(r"successfully on port (\d+)", line):
                break
        self.url = f"http://127.0.0.1:{found[1]}"
        switches = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            f"--user-data-dir={profile}/profile",
            f"--window-size={width},{height}",
            *arguments,
        ]
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": switches, "binary": shutil.which("chromium")},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        try:
            session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        except Exception:
            self.driver.kill()
            raise
        self.url += f"/session/{session['sessionId']}"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            self._call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(10)

    def _call(self, method, path, body=None):
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}, method=method
        )
        # a proxy of the environment is not for this machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            return json.load(opener.open(request, timeout=120))["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from error

    def open(self, path):
        """Open a file."""
        self._call("POST", "/url", {"url": path.as_uri()})

    def run(self, script, *arguments):
        """Run the body of a function in the page; return what it returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, css):
        """Return the first element that a selector matches."""
        return self._call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def click(self, css):
        """Click as a user would: it fails where something lies on top."""
        self._call("POST", f"/element/{self.find(css)}/click")

    def type(self, css, text):
        """Type into a field."""
        self._call("POST", f"/element/{self.find(css)}/value", {"text": text})

    def log(self, kind):
        """Return the entries of the console (``browser``) or of the network (``performance``)."""
        return self._call("POST", "/se/log", {"type": kind})

    def requests(self, path):
        """Return every address that the page ``path`` asked for."""
        events = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [
            e["params"]["request"]["url"]
            for e in events
            if e["method"] == "Network.requestWillBeSent" and e["params"]["documentURL"] == path.as_uri()
        ]

    def screenshot(self):
        """Return the window as PNG bytes."""
        import base64

        return base64.b64decode(self._call("GET", "/screenshot"))
