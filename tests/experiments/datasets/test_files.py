import hashlib
import socket
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from neuralzoo.experiments.datasets import DataError, File, files, load

CONTENT = b"the right bytes\n" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()
PATH = "family/file.bin"


class Handler(SimpleHTTPRequestHandler):
    def log_request(self, *args):
        self.server.requested.append(self.path)

    def log_message(self, *args):
        """Log nothing."""


class Server:
    """HTTP server of a folder on this machine."""

    def __init__(self, folder):
        self.folder = folder
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.http.requested = self.requested = []
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def put(self, content, path=PATH):
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return f"{self.url}/{path}"

    def close(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def servers(tmp_path):
    started = []

    def start():
        folder = tmp_path / f"server{len(started)}"
        folder.mkdir()
        started.append(Server(folder))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("NEURALZOO_DATA_MIRROR", raising=False)
    monkeypatch.setenv("NEURALZOO_DATA_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def mirror(tmp_path, cache, monkeypatch):
    (tmp_path / "mirror" / "family").mkdir(parents=True)
    monkeypatch.setenv("NEURALZOO_DATA_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "mirror"


def nowhere():
    """An address at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/{PATH}"


def files_in(folder):
    return {p.relative_to(folder): p.stat().st_mtime_ns for p in folder.rglob("*")}


def test_a_mirror_folder_is_read_in_place_and_never_written_to(mirror, cache):
    (mirror / PATH).write_bytes(CONTENT)
    before = files_in(mirror)
    assert files.read(File(PATH, SHA)) == CONTENT
    assert files_in(mirror) == before
    assert not cache.exists()


@pytest.mark.parametrize("wrong", [CONTENT[:-1], b"X" + CONTENT[1:], b""], ids=["truncated", "tampered", "empty"])
def test_a_wrong_file_in_the_mirror_is_an_error_that_names_it(mirror, cache, servers, wrong):
    (mirror / PATH).write_bytes(wrong)
    server = servers()
    with pytest.raises(DataError) as caught:
        files.read(File(PATH, SHA, (server.put(CONTENT),)))
    message = str(caught.value)
    assert str(mirror / PATH) in message
    assert SHA in message
    assert hashlib.sha256(wrong).hexdigest() in message
    assert "\n" not in message
    assert (mirror / PATH).read_bytes() == wrong
    assert server.requested == []


def test_a_file_missing_in_the_mirror_comes_from_the_cache_and_is_not_written_to_the_mirror(mirror, cache, servers):
    before = files_in(mirror)
    assert files.read(File(PATH, SHA, (servers().put(CONTENT),))) == CONTENT
    assert (cache / PATH).read_bytes() == CONTENT
    assert files_in(mirror) == before


@pytest.mark.parametrize("value", ["no/such/folder", "file:///tmp", "ftp://127.0.0.1"])
def test_a_mirror_that_is_neither_folder_nor_url_is_refused(cache, monkeypatch, value):
    monkeypatch.setenv("NEURALZOO_DATA_MIRROR", value)
    with pytest.raises(DataError, match=r"NEURALZOO_DATA_MIRROR is .*; it needs a folder that exists or an http"):
        files.read(File(PATH, SHA))


def test_a_mirror_url_is_tried_first(cache, servers, monkeypatch):
    first, second = servers(), servers()
    first.put(CONTENT)
    monkeypatch.setenv("NEURALZOO_DATA_MIRROR", first.url + "/")
    assert files.read(File(PATH, SHA, (second.put(CONTENT),))) == CONTENT
    assert (first.requested, second.requested) == ([f"/{PATH}"], [])


def test_a_file_is_downloaded_once(cache, servers):
    server = servers()
    file = File(PATH, SHA, (server.put(CONTENT),))
    assert files.read(file) == files.read(file) == CONTENT
    assert server.requested == [f"/{PATH}"]


def test_urls_are_tried_in_turn(cache, servers):
    missing, wrong, right, never = servers(), servers(), servers(), servers()
    urls = (nowhere(), f"{missing.url}/{PATH}", *(s.put(c) for s, c in ((wrong, CONTENT[:-5]), (right, CONTENT))))
    assert files.read(File(PATH, SHA, (*urls, never.put(CONTENT)))) == CONTENT
    assert [len(s.requested) for s in (missing, wrong, right, never)] == [1, 1, 1, 0]


def test_a_download_with_the_wrong_content_is_not_kept(cache, servers):
    with pytest.raises(DataError, match="another sha256"):
        files.read(File(PATH, SHA, (servers().put(CONTENT[:-5]),)))
    assert [p for p in cache.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("wrong", [CONTENT[:-1], b"other"], ids=["truncated", "tampered"])
def test_a_wrong_file_in_the_cache_is_neither_used_nor_overwritten(cache, servers, wrong):
    server = servers()
    (cache / PATH).parent.mkdir(parents=True)
    (cache / PATH).write_bytes(wrong)
    with pytest.raises(DataError, match=f"has sha256 .*, not {SHA}; it is not used"):
        files.read(File(PATH, SHA, (server.put(CONTENT),)))
    assert (cache / PATH).read_bytes() == wrong
    assert server.requested == []


def test_without_a_network_one_message_says_what_was_tried_and_what_to_do(cache):
    urls = (nowhere(), nowhere())
    with pytest.raises(DataError) as caught:
        files.read(File(PATH, SHA, urls))
    message = str(caught.value)
    for part in (*urls, SHA, str(cache / PATH), "NEURALZOO_DATA_MIRROR"):
        assert part in message


def test_a_cache_that_can_not_be_made_is_one_sentence(cache, tmp_path, monkeypatch):
    (tmp_path / "occupied").write_text("a file")
    monkeypatch.setenv("NEURALZOO_DATA_DIR", str(tmp_path / "occupied"))
    with pytest.raises(DataError, match="NEURALZOO_DATA_DIR needs to be a writable folder"):
        files.read(File(PATH, SHA, (nowhere(),)))


def test_without_pooch_one_sentence_says_what_to_install(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"pip install 'neuralzoo\[experiments\]'$"):
        files.read(File(PATH, SHA, (nowhere(),)))
    monkeypatch.delenv("NEURALZOO_DATA_DIR")
    with pytest.raises(DataError, match=r"set NEURALZOO_DATA_DIR, or install pooch"):
        files.read(File(PATH, SHA, (nowhere(),)))


def test_without_pooch_the_cache_that_is_named_and_the_mirror_still_work(mirror, cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    (mirror / PATH).write_bytes(CONTENT)
    assert files.read(File(PATH, SHA)) == CONTENT
    (mirror / PATH).rename(cache.parent / "moved")
    (cache / "family").mkdir(parents=True)
    (cache.parent / "moved").rename(cache / PATH)
    assert files.read(File(PATH, SHA)) == CONTENT


def test_the_cache_is_in_the_cache_folder_of_the_platform(monkeypatch):
    pooch = pytest.importorskip("pooch", reason="the platform's cache folder is found by pooch")
    monkeypatch.delenv("NEURALZOO_DATA_DIR", raising=False)
    assert files.cache_folder() == pooch.os_cache("neuralzoo")


def test_a_damaged_embedded_file_is_an_error():
    with pytest.raises(DataError, match=r"mnist1d.npz has sha256 .* needs neuralzoo installed anew"):
        files.embedded(File("mnist1d.npz", "0" * 64))
    with pytest.raises(DataError, match=r"no-such.npz can't be read"):
        files.embedded(File("no-such.npz", "0" * 64))


def test_a_dataset_without_its_files_says_so(cache, monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("NEURALZOO_DATA_MIRROR", str(tmp_path / "empty"))
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"names.txt needs pooch to be downloaded"):
        load("names")
