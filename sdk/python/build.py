#!/usr/bin/env python3
"""Builds a Python plugin into a component.

    build.py install --tools FOLDER
    build.py build --tools FOLDER --wit FOLDER --plugin FOLDER --out FILE
    build.py native --plugin FOLDER --order FILE

`--tools` is where the toolchain lives (a virtual environment), `--wit` the contract: a version such
as `wit/v0.1.0`, or `wit`, of which the newest version with the plugin's world is taken; `--plugin`
is the folder with `plugin.toml` and `app.py`. The manifest is not put
into the component here: `phagen plugin build` does that for every language.

`native` builds nothing: it asks the plugin the golden cases of an order in this Python, for
`phagen plugin bench`.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

SDK = Path(__file__).resolve().parent
ENTRY = "phagen_entry"

#: WASI's imports go by this name until the component is finished; as long as `wasi:`, see `_build`.
STAND_IN = "wasj:"
IMPORT_SECTION = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    chores = parser.add_subparsers(dest="chore", required=True)
    install = chores.add_parser("install")
    build = chores.add_parser("build")
    for chore in (install, build):
        chore.add_argument("--tools", type=Path, required=True)
    for name in ("--wit", "--plugin", "--out"):
        build.add_argument(name, type=Path, required=True)
    native = chores.add_parser("native")
    for name in ("--plugin", "--order"):
        native.add_argument(name, type=Path, required=True)
    asked = parser.parse_args()
    if asked.chore == "install":
        _install(asked.tools)
    elif asked.chore == "native":
        _native(asked.plugin, asked.order)
    else:
        _build(asked.tools, asked.wit, asked.plugin, asked.out)


def _fail(error: str, help: str) -> NoReturn:
    print(f"error: {error}\nhelp: {help}", file=sys.stderr)
    raise SystemExit(1)


def _componentize(tools: Path) -> Path:
    folder = "Scripts" if os.name == "nt" else "bin"
    return tools / "venv" / folder / ("componentize-py.exe" if os.name == "nt" else "componentize-py")


def _install(tools: Path) -> None:
    """Makes the virtual environment, or leaves it alone where it is the one that is wanted."""
    wanted, present = SDK / "requirements.txt", tools / "requirements.txt"
    if _componentize(tools).exists() and present.exists() and filecmp.cmp(wanted, present, False):
        return
    tools.mkdir(parents=True, exist_ok=True)
    present.unlink(missing_ok=True)
    venv = tools / "venv"
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", venv], text=True, capture_output=True)
    if made.returncode != 0:
        _fail(
            f"cannot make a virtual environment in `{venv}`: {(made.stderr or made.stdout).strip()}",
            "install Python's `venv` (Debian and Ubuntu: `apt install python3-venv`)",
        )
    pip = [_componentize(tools).with_name("python" + _componentize(tools).suffix), "-m", "pip"]
    fetched = subprocess.run(
        [*pip, "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--require-hashes", "-r", wanted]
    )
    if fetched.returncode != 0:
        _fail(
            "cannot install componentize-py, which builds Python plugins",
            "it comes from PyPI: check the network, pip's settings, and that the Python is 3.11 or newer and 64-bit",
        )
    shutil.copyfile(wanted, present)


def _build(tools: Path, wit: Path, plugin: Path, out: Path) -> None:
    """Componentizes, with every import of the C library replaced by a trap.

    componentize-py stubs all of `wasi:`, also the `wasi:http` that a source is meant to use. So the
    contract's own WASI imports are called `wasj:` while it works and get their name back in the
    finished component, where only the import section names them for the outside.
    """
    started = time.monotonic()
    if not _componentize(tools).exists():
        _fail(f"no componentize-py in `{tools}`", f"run `python3 {__file__} install --tools {tools}`")
    facts = _facts(plugin)
    world = facts.pop("world")
    with tempfile.TemporaryDirectory(prefix="phagen-python-") as folder:
        work = Path(folder)
        version = _stage_wit(_version_of(wit, world), work / "wit")
        _stage_code(plugin, work / "code", world, facts)
        made = work / "made.wasm"
        _run_componentize(tools, work, world, version, made)
        component = _with_wasi(made.read_bytes())
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(component)
    seconds = time.monotonic() - started
    print(f"built `{facts['name']}`: {len(component) / 1e6:.1f} MB in {seconds:.1f} s")


def _native(plugin: Path, order: Path) -> None:
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(SDK))
    from phagen_sdk import native

    def tell(line: str) -> None:
        print(line, file=out, flush=True)

    out = sys.stdout
    world = _facts(plugin)["world"]
    native.bench(plugin.resolve(), world, json.loads(order.read_text(encoding="utf-8")), tell)


def _facts(plugin: Path) -> dict[str, str]:
    """World and facts of `plugin.toml`: what a plugin says of itself stands in one place only."""
    manifest = plugin / "plugin.toml"
    try:
        import tomllib
    except ImportError:
        _fail(f"Python {sys.version.split()[0]} is too old", "use Python 3.11 or newer")
    try:
        facts = tomllib.loads(manifest.read_text(encoding="utf-8"))["plugin"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        _fail(f"cannot read `[plugin]` of `{manifest}`: {error}", "see the template's plugin.toml")
    if facts.get("world") not in ("source", "mapper", "reranker"):
        _fail(f"`{manifest}` names no world", 'write `world = "source"`, `"mapper"` or `"reranker"`')
    if not facts.get("name"):
        _fail(f"`{manifest}` gives the plugin no name", 'write `name = "my-plugin"`')
    return {key: str(value) for key, value in facts.items()}


def _version_of(wit: Path, world: str) -> Path:
    """The folder of the contract's version to build for."""
    def numbers(folder: Path) -> list[int]:
        return [int(number) for number in folder.name[1:].split(".")]

    versions = sorted((folder.parent for folder in wit.glob("v*.*.*/worlds.wit")), key=numbers)
    for folder in [wit, *reversed(versions)]:
        worlds = folder / "worlds.wit"
        if worlds.exists() and f"world {world} {{" in worlds.read_text(encoding="utf-8"):
            return folder
    _fail(f"the contract in `{wit}` has no world `{world}`", "name a folder such as `wit` or `wit/v0.1.0`")


def _stage_wit(wit: Path, staged: Path) -> str:
    """A copy of the contract with the stand-in for `wasi:`; its version."""
    version = None
    for path in wit.rglob("*.wit"):
        text = path.read_text(encoding="utf-8")
        if path.parent == wit:
            version = version or re.search(r"^package phagen:plugin@([0-9.]+);", text, re.MULTILINE)
        target = staged / path.relative_to(wit)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace("wasi:", STAND_IN), encoding="utf-8")
    if version is None:
        _fail(f"`{wit}` is no version of the contract", "name a folder such as `wit` or `wit/v0.1.0`")
    return version[1]


def _stage_code(plugin: Path, code: Path, world: str, facts: dict[str, str]) -> None:
    """The plugin, what it brings along in `vendor`, and the module that the host enters by."""
    if not (plugin / "app.py").exists():
        _fail(f"`{plugin}` has no `app.py`", "put the plugin's class into it")
    skip = shutil.ignore_patterns("__pycache__", "vendor", ".*", "*.wasm", "venv")
    shutil.copytree(plugin, code, ignore=skip)
    if (plugin / "vendor").is_dir():
        shutil.copytree(plugin / "vendor", code, dirs_exist_ok=True)
    shutil.copytree(SDK / "phagen_sdk", code / "phagen_sdk", ignore=skip)
    exports = {"source": "Search", "mapper": "Mapping", "reranker": "Reranking"}[world]
    (code / f"{ENTRY}.py").write_text(
        f"from phagen_sdk.guest import serve\n"
        f"from phagen_sdk.guest.{world} import KIND, Lifecycle, {exports}, host\n"
        f"import app\n"
        f"serve(app, {json.dumps(facts)}, KIND, host())\n",
        encoding="utf-8",
    )


def _run_componentize(tools: Path, work: Path, world: str, version: str, made: Path) -> None:
    names = {"phagen:plugin/types@0.1.0": "types"}
    if world == "source":
        names[f"{STAND_IN}http/types@0.2.12"] = "http_types"
    command = [_componentize(tools), "--quiet", "-d", work / "wit", "-w", f"phagen:plugin/{world}@{version}"]
    for interface, name in names.items():
        command += ["--import-interface-name", f"{interface}={name}"]
    command += ["componentize", "--stub-wasi", ENTRY, "-p", work / "code", "-o", made]
    # A virtual environment that happens to be active is no part of the plugin.
    clean = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(command, cwd=work, env=clean, text=True, capture_output=True)
    if done.returncode != 0 or not made.exists():
        said = (done.stderr or done.stdout).replace(str(work / "code") + os.sep, "").strip()
        _fail(
            f"componentize-py refused the plugin:\n{said}",
            "the top level of app.py runs at build time, without files, network and threads",
        )


def _with_wasi(component: bytes) -> bytes:
    """The component with its outer imports called `wasi:` again. Both names are equally long."""
    changed, at = bytearray(component), 8
    while at < len(component):
        section = component[at]
        size, start = _leb128(component, at + 1)
        if section == IMPORT_SECTION:
            body = component[start : start + size].replace(STAND_IN.encode(), b"wasi:")
            changed[start : start + size] = body
        at = start + size
    return bytes(changed)


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


if __name__ == "__main__":
    main()
