"""The standard SAM CLI against LocalStack, on a small stand-in project: only what changed is built and deployed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vigie_local.build import build
from vigie_local.deploy import deploy, find_stack, is_broken
from vigie_local.errors import StepError
from vigie_local.ports import free_port
from vigie_local.services import local_aws
from vigie_local.settings import REPOSITORY, LocalSettings

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  CommonLayer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layers/common, CompatibleRuntimes: [python3.13]}
    Metadata: {BuildMethod: makefile}
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: hello
      CodeUri: functions/hello
      Handler: hello.lambda_handler
      Runtime: python3.13
      Timeout: 20
      Layers: [!Ref CommonLayer]
"""
HANDLER = """
import vigie


def lambda_handler(event, context):
    return {"answer": vigie.ANSWER, "version": 1}
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    layer = tmp_path / "layers" / "common"
    (layer / "vigie").mkdir(parents=True)
    shutil.copy(REPOSITORY / "layers" / "common" / "Makefile", layer)
    (layer / "requirements.txt").write_text("")
    (layer / "vigie" / "__init__.py").write_text("ANSWER = 42\n")
    (tmp_path / "functions" / "hello").mkdir(parents=True)
    (tmp_path / "functions" / "hello" / "hello.py").write_text(HANDLER)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    shutil.copy(REPOSITORY / "samconfig.toml", tmp_path)
    return tmp_path


@pytest.fixture
def settings() -> Iterator[LocalSettings]:
    if not (REPOSITORY / ".local" / "sam" / "bin" / "sam").exists():
        pytest.skip("the SAM command line is not installed: make environment")
    home = Path(tempfile.mkdtemp(prefix="vigie-deploy-"))
    yield LocalSettings(home=home, localstack_port=free_port())
    shutil.rmtree(home)


@pytest.fixture
def cloud(settings: LocalSettings) -> Iterator[LocalSettings]:
    aws = local_aws(settings)
    aws.start()
    yield settings
    aws.stop()


def invoke(settings: LocalSettings) -> object:
    answer = local_aws(settings).client("lambda").invoke(FunctionName="hello")
    return json.load(answer["Payload"])


def test_only_what_changed_is_built_and_deployed(
    cloud: LocalSettings, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = project / "a temporary folder"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    first = build(cloud, project)
    assert first.fresh
    assert deploy(cloud, first, project)
    assert invoke(cloud) == {"answer": 42, "version": 1}

    assert not list(temporary.iterdir())
    assert not list(cloud.home.glob("temporary-*"))

    again = build(cloud, project)
    assert not again.fresh
    assert not deploy(cloud, again, project)

    handler = project / "functions" / "hello" / "hello.py"
    handler.write_text(HANDLER.replace('"version": 1', '"version": 2'))
    changed = build(cloud, project)
    assert changed.fresh
    assert deploy(cloud, changed, project)
    assert invoke(cloud) == {"answer": 42, "version": 2}

    local_aws(cloud).stop()
    local_aws(cloud).start()
    assert deploy(cloud, changed, project), "LocalStack has forgotten the stack: it has to be deployed again"


def test_a_template_that_cannot_be_built_shows_what_sam_says(settings: LocalSettings, project: Path) -> None:
    (project / "template.yaml").write_text("Resources: [")
    with pytest.raises(StepError, match=r"(?s)sam failed.*template"):
        build(settings, project)


def test_a_stack_that_broke_off_is_recognised(cloud: LocalSettings, project: Path) -> None:
    assert not is_broken(cloud)
    cloud_formation = local_aws(cloud).client("cloudformation")
    broken = {"Resources": {"Bad": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "not a name!"}}}}
    cloud_formation.create_stack(StackName="vigie", TemplateBody=json.dumps(broken))
    with pytest.raises(Exception, match="Waiter"):
        cloud_formation.get_waiter("stack_create_complete").wait(
            StackName="vigie", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )
    assert find_stack(cloud_formation) is not None
    assert is_broken(cloud)
