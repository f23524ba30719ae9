"""What the descriptions of the two packages name is there; nothing is built here."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from conftest import ROOT

PACKAGES = {"python": "shadegrid", "command": "shadegrid-cli"}


def described(folder: Path) -> dict[str, dict[str, object]]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", PACKAGES)
def test_files_that_a_package_names_are_there(name: str) -> None:
    folder = ROOT / "bindings" / name
    project = described(folder)["project"]
    assert project["name"] == PACKAGES[name] and project["dynamic"] == ["version"]
    assert f"pip install {PACKAGES[name]}\n" in (folder / str(project["readme"])).read_text()
    licences = [path for pattern in project["license-files"] for path in folder.glob(pattern)]
    assert {path.name for path in licences} == {"LICENSE-APACHE", "LICENSE-MIT"}
    assert all(path.read_text() == (ROOT / path.name).read_text() for path in licences)


def test_the_commands_package_is_the_program() -> None:
    folder = ROOT / "bindings" / "command"
    maturin = described(folder)["tool"]["maturin"]
    manifest = tomllib.loads((folder / maturin["manifest-path"]).read_text())
    assert maturin["bindings"] == "bin" and [program["name"] for program in manifest["bin"]] == ["shadegrid"]
    # It is built with the features that the repository's own build has.
    assert set(manifest["bin"][0]["required-features"]) <= set(manifest["features"]["default"])


def test_both_have_the_version_of_the_library() -> None:
    versions = {tomllib.loads((ROOT / path).read_text())["package"]["version"] for path in ("Cargo.toml", "bindings/python/Cargo.toml")}
    assert len(versions) == 1


def test_the_package_needs_no_other() -> None:
    project = described(ROOT / "bindings" / "python")["project"]
    assert project["dependencies"] == []
    # Without upper bounds: an engine of next year is not refused.
    assert all("<" not in needed for extra in project["optional-dependencies"].values() for needed in extra)
