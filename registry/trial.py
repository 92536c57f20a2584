"""Trial imports: plugins of other packages are imported in a child process first.

One that never returns, or ends the process, takes the child down and is reported; this process goes on.
"""

import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import EntryPoint
from threading import Thread
from typing import Any

from neuralzoo.registry.errors import PluginError
from neuralzoo.registry.installed import PluginEntry
from neuralzoo.registry.loading import import_seconds, load

LIMIT_S = 30.0
"""How long the import of one plugin may take."""
BEGUN, DONE = "neuralzoo: begun", "neuralzoo: tried"
CODE = """
import json, sys
request = json.load(sys.stdin)
sys.path[:] = request["path"]
from neuralzoo.registry.trial import serve
serve(request["plugins"])
"""


def fatal_problems(entries: Sequence[PluginEntry]) -> dict[PluginEntry, str]:
    """Return the plugins whose import does not come back, each with what happened.

    Those that come with the library, or are imported already, are not tried.
    """
    todo = [e for e in entries if not (e.is_built_in or e.problem or e.point in import_seconds)]
    found: dict[PluginEntry, str] = {}
    while todo:
        tried, what = _try(todo)
        todo = todo[tried:]
        if todo and what:
            found[todo[0]] = f"importing it {what}, NEURALZOO_BLOCK={todo[0].point.name} skips it"
        todo = todo[1:]
    return found


def _try(entries: Sequence[PluginEntry]) -> tuple[int, str]:
    """Import plugins one after the other in a child; return how many came back, and what the next one did."""
    plugins = [[e.name, e.package, e.version, e.kind, e.point.name, e.point.value, e.point.group] for e in entries]
    try:
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
    except (OSError, ValueError):  # no interpreter, as in an embedded one: they are imported here
        return len(entries), ""
    lines: queue.Queue[str | None] = queue.Queue()
    Thread(target=_talk, args=(child, json.dumps({"path": sys.path, "plugins": plugins}), lines), daemon=True).start()
    begun, tried = False, 0
    try:
        while (line := lines.get(timeout=LIMIT_S)) is not None:
            begun |= line == BEGUN
            tried += line == DONE
    except queue.Empty:
        return tried, f"took more than {LIMIT_S:g} s; it needs to return"
    finally:
        child.kill()
        code = child.wait()
    if not begun:  # the child has no neuralzoo to import them with
        return len(entries), ""
    how = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
    return tried, f"ended the process {how}; it needs to raise an error instead"


def _talk(child: "subprocess.Popen[str]", request: str, lines: "queue.Queue[str | None]") -> None:
    """Send a child its request, and queue the lines of its answer, not what plugins print; None ends them."""
    try:
        if child.stdin is not None and child.stdout is not None:
            child.stdin.write(request)
            child.stdin.close()
            for line in map(str.strip, child.stdout):
                if line in (BEGUN, DONE):
                    lines.put(line)
    except OSError:  # it ended before it had read everything
        pass
    lines.put(None)


def serve(plugins: Sequence[Sequence[Any]]) -> None:
    """Import plugins and print a line after each; what is wrong with one is found again where it is used."""
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    print(BEGUN, flush=True)
    for name, package, version, kind, point, value, group in plugins:
        with suppress(PluginError):
            load(PluginEntry(name, package, version, EntryPoint(point, value, group), kind))
        print(f"\n{DONE}", flush=True)


def _end_with(parent: int) -> None:
    """End this process when the one that started it was killed; else an import that never returns would go on."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
