"""Checkpoints by address: whole, verified and cached downloads, and checksums in the names of files."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from mmsync.apis import get_model, init_model
from mmsync.apis.cli import build_runner
from mmsync.config import load
from mmsync.engine.checkpoint import read_checkpoint, require_checkpoint
from mmsync.errors import CheckpointError
from mmsync.fileio import atomic_path

CONFIG = "configs/simclr/simclr_stgcn_synthetic.py"
SMALL = {
    "model.encoder.backbone.channels": [8, 16],
    "model.encoder.backbone.strides": [1, 2],
    "model.encoder.projector.out_channels": 8,
}


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; names of ``truncated`` end in the middle."""

    def do_GET(self):
        self.server.requests.append(self.path)
        if "truncated" not in self.path:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"PK" + bytes(500))

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path / "cache"))
    (tmp_path / "www").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path / "www")))
    server.requests, server.url = [], f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def published(tmp_path, server):
    """A served checkpoint whose name holds its checksum, and the model of its weights."""
    model = init_model(CONFIG, cfg_options=SMALL)
    path = tmp_path / "www/toy.pth"
    torch.save({"state_dict": model.state_dict()}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(path.with_name(f"toy-{digest[:8]}.pth")), model


def files(folder):
    return [p for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values()))


def test_a_model_takes_weights_by_address_and_downloads_them_once(published, server, tmp_path):
    path, model = published
    address = f"{server.url}/{path.name}"
    assert same(get_model("simclr_stgcn_synthetic", pretrained=address, cfg_options=SMALL), model)
    assert same(init_model(CONFIG, address, cfg_options=SMALL), model)
    assert server.requests == [f"/{path.name}"]
    (kept,) = files(tmp_path / "cache")
    assert kept.name == path.name
    assert kept.read_bytes() == path.read_bytes()
    assert same(get_model("simclr_stgcn_synthetic", pretrained=path, cfg_options=SMALL), model)
    assert same(init_model(CONFIG, path.as_uri(), cfg_options=SMALL), model)
    assert files(tmp_path / "cache") == [kept]  # a file is read where it is
    read_checkpoint(f"{address}?download=1")  # another address
    assert len(server.requests) == 2


@pytest.mark.recipe
def test_a_training_starts_from_an_address(published, server, tmp_path):
    path, model = published
    options = {**SMALL, "load_from": f"{server.url}/{path.name}", "source.num_clips": (24, 12)}
    cfg = load(CONFIG, options)
    cfg.work_dir = str(tmp_path / "run")
    runner = build_runner(cfg)
    runner.load_or_resume()
    assert same(runner.model, model)


def test_another_file_than_the_checksum_names_is_refused(published, server, tmp_path):
    path, _ = published
    other = path.with_name("toy-00000000.pth")
    other.write_bytes(path.read_bytes())
    found = path.stem.split("-")[1]
    for source in (other, other.as_uri()):
        with pytest.raises(CheckpointError, match=f"begins with {found}, its name promises 00000000; delete it"):
            read_checkpoint(source)
    with pytest.raises(CheckpointError, match=f"{server.url}.*begins with {found}.*00000000; nothing is kept"):
        read_checkpoint(f"{server.url}/{other.name}")
    assert files(tmp_path / "cache") == []
    # a download that was damaged afterwards
    kept = require_checkpoint(f"{server.url}/{path.name}")
    with kept.open("ab") as file:
        file.write(b"more")
    with pytest.raises(CheckpointError, match=f"checkpoint {kept} is damaged"):
        read_checkpoint(f"{server.url}/{path.name}")


def test_more_digits_count_and_dates_do_not(published):
    path, _ = published
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for name in (f"toy-{digest}.pth", f"toy_20240131-{digest[:12]}.pth", "toy-20240131.pth", "toy-abc.pth"):
        assert read_checkpoint(path.rename(path.with_name(name)))["state_dict"]
        path = path.with_name(name)
    with pytest.raises(CheckpointError, match="its name promises"):
        read_checkpoint(path.rename(path.with_name(f"toy-{digest[:-1]}{'0' if digest[-1] != '0' else '1'}.pth")))


def test_a_download_is_whole_or_not_there(published, server, tmp_path):
    path, _ = published
    with pytest.raises(CheckpointError, match=r"truncated.pth cannot be downloaded.*after 502 of 1000 bytes"):
        read_checkpoint(f"{server.url}/truncated.pth")
    with pytest.raises(CheckpointError, match=r"none.pth cannot be downloaded.*404"):
        read_checkpoint(f"{server.url}/none.pth")
    (path.parent / "page.pth").write_text("<html>log in</html>")
    with pytest.raises(CheckpointError, match=f"{server.url}/page.pth is a page of HTML"):
        read_checkpoint(f"{server.url}/page.pth")
    for address in ("http://127.0.0.1:1/a.pth", "s3://bucket/a.pth", "http://a b/c.pth"):
        with pytest.raises(CheckpointError, match=r"cannot be downloaded.*fetch the file yourself"):
            read_checkpoint(address)
    with pytest.raises(CheckpointError, match="there is no such file"):
        read_checkpoint((path.parent / "none.pth").as_uri())
    assert files(tmp_path / "cache") == []
    # what a killed process left goes with the next download
    kept = require_checkpoint(f"{server.url}/{path.name}")
    with atomic_path(kept) as temporary:
        left = temporary.with_name(temporary.name.replace(".tmp", "7.tmp"))
        temporary.touch()
    kept.unlink()
    left.touch()
    require_checkpoint(f"{server.url}/{path.name}")
    assert files(tmp_path / "cache") == [kept]
