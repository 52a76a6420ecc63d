"""Selenium's connection to Firefox itself, in place of geckodriver, which Debian does not package.

Marionette is Firefox's own protocol for tests. Its commands are those of WebDriver under other names, and a message is
JSON after its length: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

import json
import socket
from typing import Any, override

from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.command import Command
from selenium.webdriver.remote.remote_connection import RemoteConnection

SET_CONTEXT = "setContext"
"""`value`: "chrome" for Firefox itself, "content" for the page."""
COMMANDS = {
    Command.NEW_SESSION: "WebDriver:NewSession",
    Command.QUIT: "Marionette:Quit",
    Command.GET: "WebDriver:Navigate",
    Command.REFRESH: "WebDriver:Refresh",
    Command.FIND_ELEMENT: "WebDriver:FindElement",
    Command.FIND_ELEMENTS: "WebDriver:FindElements",
    Command.CLICK_ELEMENT: "WebDriver:ElementClick",
    Command.GET_ELEMENT_PROPERTY: "WebDriver:GetElementProperty",
    Command.IS_ELEMENT_SELECTED: "WebDriver:IsElementSelected",
    Command.GET_ELEMENT_TEXT: "WebDriver:GetElementText",
    Command.SEND_KEYS_TO_ELEMENT: "WebDriver:ElementSendKeys",
    Command.W3C_EXECUTE_SCRIPT: "WebDriver:ExecuteScript",
    Command.W3C_EXECUTE_SCRIPT_ASYNC: "WebDriver:ExecuteAsyncScript",
    Command.W3C_ACTIONS: "WebDriver:PerformActions",
    Command.W3C_CLEAR_ACTIONS: "WebDriver:ReleaseActions",
    Command.SET_WINDOW_RECT: "WebDriver:SetWindowRect",
    Command.SCREENSHOT: "WebDriver:TakeScreenshot",
    Command.W3C_GET_CURRENT_WINDOW_HANDLE: "WebDriver:GetWindowHandle",
    Command.W3C_GET_WINDOW_HANDLES: "WebDriver:GetWindowHandles",
    Command.SWITCH_TO_WINDOW: "WebDriver:SwitchToWindow",
    Command.CLOSE: "WebDriver:CloseWindow",
    SET_CONTEXT: "Marionette:SetContext",
}
PARAMETERS = {Command.NEW_SESSION: dict[str, Any](), Command.QUIT: {"flags": ["eForceQuit"]}}
"""In place of Selenium's: a session of Firefox needs no capabilities, and its end also ends the process."""
SECONDS = 20.0
"""The longest that a command may take."""


class Marionette(RemoteConnection):
    """Commands of Selenium's WebDriver, sent to a Firefox that listens on `port`."""

    def __init__(self, port: int) -> None:
        super().__init__(client_config=ClientConfig(f"http://127.0.0.1:{port}"))
        self._socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self._sent = 0
        self._read()  # a greeting

    @override
    def execute(self, command: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer in the form of WebDriver's, an error included."""
        self._sent += 1
        message = json.dumps([0, self._sent, COMMANDS[command], PARAMETERS.get(command, params)]).encode()
        self._socket.sendall(b"%d:%b" % (len(message), message))
        _, number, error, result = self._read()
        assert number == self._sent
        if error:
            return {"status": 500, "value": json.dumps({"value": error})}
        return {"value": result["value"] if isinstance(result, dict) and "value" in result else result}

    @override
    def close(self) -> None:
        self._socket.close()
        super().close()  # type: ignore[no-untyped-call]

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._receive(1)
        return json.loads(self._receive(int(length[:-1])))

    def _receive(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            part = self._socket.recv(size - len(received))
            if not part:
                raise ConnectionError("Firefox closed the connection to the test")
            received += part
        return bytes(received)
