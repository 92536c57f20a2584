"""The origin of a tracked run: git commit and process."""

import getpass
import os
import socket
import subprocess
from pathlib import Path

ROOT = Path(os.path.realpath(__file__)).parents[2]


def git_commit() -> str | None:
    """Return the commit of the checkout that neuralzoo runs from, with a plus for changes; None for a wheel."""
    if not (ROOT / ".git").exists():
        return None
    try:
        git = ["git", "-C", str(ROOT)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changed.stdout.strip() else "")


def user_name() -> str:
    """Return the name of the user, or the number of one without an entry in the user database."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # by the version of Python
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def process_identity() -> dict[str, str]:
    """Return the tags that identify this process: host, pid, and start time, since a pid is used again."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": str(pid), "pid_started": process_started(pid) or ""}


def process_started(pid: int) -> str | None:
    """Return the start time of a process, None if it has ended."""
    import psutil

    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return None
