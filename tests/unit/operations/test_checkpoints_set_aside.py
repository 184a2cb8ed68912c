"""Checkpoints of a forgotten key are kept, and not checked by the present one."""

from pathlib import Path

from tests.tamper.sealed_log import Signer
from vigie_operations.audit_export import set_aside_others


def test_only_what_the_present_key_signed_stays_to_be_checked(tmp_path: Path) -> None:
    present, forgotten = Signer(), Signer()
    store = tmp_path / "write-once-store"
    store.mkdir()
    for name, signer in (("1.txt", forgotten), ("2.txt", present)):
        (store / name).write_text(signer.checkpoint([bytes(32)]), encoding="utf-8")
    assert set_aside_others(store, present.der) == 1
    assert [path.name for path in store.rglob("*")] == ["2.txt"]
    assert [path.name for path in (tmp_path / "signed-with-forgotten-keys").iterdir()] == ["1.txt"]
