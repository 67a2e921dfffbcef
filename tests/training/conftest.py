"""What the tests of training share."""

import pytest
from helpers.project import Project


@pytest.fixture
def two_processes(copy_of_reproduced: Project) -> Project:
    """A project whose next training takes two processes; its checkpoint is gone."""
    copy_of_reproduced.set(train={"processes": 2, "epochs": 40, "momentum": 0.9}, split={"val": 3})
    copy_of_reproduced.run("dvc", "repro", "split")
    (copy_of_reproduced.folder / "models" / "model.pt").unlink()
    return copy_of_reproduced
