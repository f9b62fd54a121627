"""An OpenAI-compatible server on loopback that plays a script: one entry for each request it gets."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def calls(*tools):
    """An answer that calls tools: pairs of name and arguments."""
    return {
        "tool_calls": [
            {
                "id": f"c{number}-{name}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
                },
            }
            for number, (name, arguments) in enumerate(tools)
        ]
    }


def says(text):
    """An answer in words."""
    return {"content": text}


def fails(status, message="no"):
    """An HTTP error."""
    return {"status": status, "message": message}


def hangs(seconds):
    """No answer for a while."""
    return {"hangs": seconds}


class Provider:
    """``script``: answers in order, the last for ever. ``requests``: the bodies that were sent."""

    def __init__(self, *script, usage=True):
        self.script, self.usage, self.requests = list(script), usage, []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.requests.append(body)
                step = provider.script.pop(0) if len(provider.script) > 1 else provider.script[0]
                if callable(step):
                    step = step(body)
                if "hangs" in step:
                    time.sleep(step["hangs"])
                    step = says("too late")
                try:
                    provider._send(self, step)
                except OSError:
                    return

            def log_message(self, *_arguments):
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def _send(self, handler, step):
        if "status" in step:
            status, document = (
                step["status"],
                {"error": {"message": step["message"], "type": "x", "code": None}},
            )
        else:
            message = {"role": "assistant", "content": step.get("content")}
            if "tool_calls" in step:
                message["tool_calls"] = step["tool_calls"]
            status, document = 200, {
                "id": "1", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            }  # fmt: skip
            if self.usage:
                document["usage"] = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        data = json.dumps(document).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_error):
        self._server.shutdown()
        self._server.server_close()

    def said_to_tools(self):
        """What the tools answered in the longest conversation."""
        told = [[item for item in request["messages"] if item["role"] == "tool"] for request in self.requests]
        return [json.loads(item["content"]) for item in max(told, key=len)]
