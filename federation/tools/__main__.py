"""`python -m tools`: every schema and vector written anew. Run it after a change of the protocol, and read the diff."""

from __future__ import annotations

from pathlib import Path

from . import schemas, vectors


def write() -> None:
    _write(schemas.FOLDER, {name: schemas.text(schema) for name, schema in schemas.all_schemas().items()})
    _write(vectors.FOLDER, {name: vectors.text(made) for name, made in vectors.all_vectors().items()})


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.json"):
        if old.name not in files:
            old.unlink()
    for name, content in files.items():
        (folder / name).write_text(content)


if __name__ == "__main__":
    write()
