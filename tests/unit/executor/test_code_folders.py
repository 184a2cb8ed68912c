"""Layers merged as AWS unpacks them: in order, later files over earlier ones."""

from pathlib import Path

from vigie_localstack.executor.code_folders import merge_into


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_later_files_replace_earlier_ones_and_leave_their_source_alone(tmp_path: Path) -> None:
    first = write(tmp_path / "first", python__same="first", python__a="a")
    second = write(tmp_path / "second", python__same="second", python__b="b")
    for layer in (first, second):
        merge_into(tmp_path / "opt", layer)
    found = {path.name: path.read_text() for path in (tmp_path / "opt" / "python").iterdir()}
    assert found == {"same": "second", "a": "a", "b": "b"}
    assert (first / "python" / "same").read_text() == "first"


def test_merged_files_outlive_their_source(tmp_path: Path) -> None:
    source = write(tmp_path / "source", module="text")
    merge_into(tmp_path / "task", source)
    (source / "module").unlink()
    assert (tmp_path / "task" / "module").read_text() == "text"


def test_links_stay_links(tmp_path: Path) -> None:
    source = write(tmp_path / "source", module="text")
    (source / "link").symlink_to("module")
    merge_into(tmp_path / "task", source)
    assert (tmp_path / "task" / "link").is_symlink()
