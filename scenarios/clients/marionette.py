"""The little of Mozilla's Marionette protocol that is needed to use Thunderbird's own windows: a JSON array over TCP,
with its length before it."""

import json
import socket
import time


class Marionette:
    def __init__(self, port=2828, patience=120):
        self.number = 0
        end = time.monotonic() + patience
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
                break
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        self.buffer = b""
        self.read()
        self.ask("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"timeouts": {"script": 120_000}}}})
        self.ask("Marionette:SetContext", {"value": "chrome"})

    def read(self):
        while b":" not in self.buffer:
            self.buffer += self.socket.recv(65536)
        length, self.buffer = self.buffer.split(b":", 1)
        while len(self.buffer) < int(length):
            self.buffer += self.socket.recv(65536)
        message, self.buffer = self.buffer[: int(length)], self.buffer[int(length):]
        return json.loads(message)

    def ask(self, command, parameters=None):
        self.number += 1
        text = json.dumps([0, self.number, command, parameters or {}]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self.read()
        if error:
            raise RuntimeError(f"{command}: {error['message']}\n{error.get('stacktrace', '')}")
        return result

    def run(self, script, *arguments):
        """A script in the window at hand; what it returns."""
        return self.ask("WebDriver:ExecuteScript", {"script": script, "args": list(arguments), "newSandbox": True})["value"]

    def wait(self, what, script, *arguments, patience=90):
        """Until the script returns something; that."""
        end = time.monotonic() + patience
        while True:
            found = self.run(script, *arguments)
            if found:
                return found
            if time.monotonic() > end:
                raise TimeoutError(f"{what} did not come")
            time.sleep(0.3)

    def paint(self):
        """Until what the windows show is on the screen."""
        script = """const done = arguments[0]; const frame = left =>
            left ? requestAnimationFrame(() => frame(left - 1)) : done(); frame(30);"""
        self.ask("WebDriver:ExecuteAsyncScript", {"script": script, "args": [], "newSandbox": True})

    def windows(self):
        return self.ask("WebDriver:GetWindowHandles")

    def switch(self, handle):
        self.ask("WebDriver:SwitchToWindow", {"handle": handle, "focus": True})
