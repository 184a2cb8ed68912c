"""Whoever edits the template, or has the account's credentials: rights that no list shows, checkpoints, their key."""

from __future__ import annotations

import copy
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.unit.governance.permissions import as_list, faults, granted, of_kind
from tests.unit.governance.test_iam import IAM, TEMPLATE, listed, role_of

type Json = dict[str, Any]
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ROLE = {"AWS": {"GetAtt": "AuditAgentRole.Arn"}}
ANYBODY = {"AWS": "arn:aws:iam::210987654321:user/operator"}


def resource(template: Json, name: str) -> Json:
    properties: Json = template["Resources"][name]["Properties"]
    return properties


def statements(template: Json, role: str = "NlpAgentRole") -> list[Json]:
    found: list[Json] = resource(template, role)["Policies"][0]["PolicyDocument"]["Statement"]
    return found


def allow(**parts: Any) -> Json:
    return {"Effect": "Allow", **parts}


def attach(arn: Any) -> Callable[[Json], None]:
    return lambda template: resource(template, "NlpAgentRole")["ManagedPolicyArns"].append(arn)


def add_statement(**parts: Any) -> Callable[[Json], None]:
    return lambda template: statements(template).append(allow(**parts))


def add_resource(kind: str, **properties: Any) -> Callable[[Json], None]:
    def change(template: Json) -> None:
        template["Resources"]["Added"] = {"Type": kind, "Properties": properties}

    return change


def update(name: str, **properties: Any) -> Callable[[Json], None]:
    return lambda template: resource(template, name).update(properties)


def add_to_policy(name: str, field: str, **parts: Any) -> Callable[[Json], None]:
    return lambda template: resource(template, name)[field]["Statement"].append(allow(**parts))


def trust(**principal: Any) -> Callable[[Json], None]:
    def change(template: Json) -> None:
        document = resource(template, "NlpAgentRole")["AssumeRolePolicyDocument"]
        document["Statement"].append(allow(Principal=principal, Action="sts:AssumeRole"))

    return change


def widen_network(template: Json) -> None:
    document = resource(template, "NetworkInterfaces")["PolicyDocument"]
    document["Statement"].append(allow(Sid="x", Action="ec2:*", Resource="*"))


def let_code_use_the_network(template: Json) -> None:
    del resource(template, "NetworkInterfaces")["PolicyDocument"]["Statement"][0]["Condition"]


def switch_role(template: Json) -> None:
    """The prediction agent under the role that signs: both lists stay as they are."""
    resource(template, "PredictionAgent")["Role"] = {"GetAtt": "AuditAgentRole.Arn"}


def add_transform(template: Json) -> None:
    template["Transform"] = ["AWS::Serverless-2016-10-31", {"Name": "AWS::Include"}]


DOCUMENT = {"Statement": [allow(Action="*", Resource="*")]}
WIDENED = {
    "AdministratorAccess": attach(ADMINISTRATOR),
    "any managed policy": attach("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"),
    "managed policy by condition": attach({"If": ["HasAlarmTopic", ADMINISTRATOR, {"Ref": "AWS::NoValue"}]}),
    "managed policy, built": attach({"Sub": "arn:${AWS::Partition}:iam::aws:policy/PowerUserAccess"}),
    "managed policy, imported": attach({"ImportValue": "a-policy"}),
    "wildcard": add_statement(Action="*", Resource="*"),
    "wildcard of a service": add_statement(Action="s3:*", Resource={"GetAtt": "RunsBucket.Arn"}),
    "wildcard within": add_statement(Action="s3:Get*", Resource={"GetAtt": "RunsBucket.Arn"}),
    "NotAction": add_statement(NotAction="iam:*", Resource="*"),
    "NotResource": add_statement(Action="s3:GetObject", NotResource="arn:aws:s3:::other"),
    "PassRole": add_statement(Action="iam:PassRole", Resource={"GetAtt": "AuditAgentRole.Arn"}),
    "AssumeRole": add_statement(Action="sts:AssumeRole", Resource={"GetAtt": "AuditAgentRole.Arn"}),
    "one more action": add_statement(Action="sqs:SendMessage", Resource={"GetAtt": "ActionQueue.Arn"}),
    "any region's": add_statement(Action="sqs:ReceiveMessage", Resource="arn:*:sqs:*:*:*"),
    "assumed by the account": trust(AWS={"Sub": "arn:aws:iam::${AWS::AccountId}:root"}),
    "assumed by anybody": trust(AWS="*"),
    "assumed by another service": trust(Service="ec2.amazonaws.com"),
    "assumed by federation": trust(Federated="arn:aws:iam::210987654321:saml-provider/x"),
    "policy of its own": add_resource("AWS::IAM::Policy", PolicyDocument=DOCUMENT, Roles=[{"Ref": "NlpAgentRole"}]),
    "role policy": add_resource("AWS::IAM::RolePolicy", PolicyDocument=DOCUMENT, RoleName={"Ref": "NlpAgentRole"}),
    "managed policy of its own": add_resource("AWS::IAM::ManagedPolicy", PolicyDocument=DOCUMENT, Roles=["r"]),
    "user": add_resource("AWS::IAM::User", ManagedPolicyArns=[ADMINISTRATOR]),
    "one more role": add_resource("AWS::IAM::Role", AssumeRolePolicyDocument=DOCUMENT),
    "queue policy": add_resource("AWS::SQS::QueuePolicy", PolicyDocument=DOCUMENT, Queues=["q"]),
    "invoked by others": add_resource("AWS::Lambda::Permission", Principal="*", Action="lambda:InvokeFunction"),
    "grant by a custom resource": add_resource("Custom::Grant"),
    "nested stack": add_resource("AWS::Serverless::Application", Location="x"),
    "secret's policy": add_resource("AWS::SecretsManager::ResourcePolicy", SecretId="vigie/llm"),
    "function's policies": update("NlpAgent", Policies=["AmazonS3FullAccess"]),
    "function's address": update("NlpAgent", FunctionUrlConfig={"AuthType": "NONE"}),
    "function's API": update("NlpAgent", Events={"Ask": {"Type": "Api"}}),
    "another's role": switch_role,
    "a role from elsewhere": update("NlpAgent", Role="arn:aws:iam::210987654321:role/admin"),
    "no role": lambda template: resource(template, "NlpAgent").pop("Role"),
    "everybody's permissions": lambda template: template["Globals"]["Function"].update(Policies=["x"]),
    "transform": add_transform,
    "ec2 on everything": widen_network,
    "the network for code": let_code_use_the_network,
    "key for the account": add_to_policy("AuditKey", "KeyPolicy", Principal=ANYBODY, Action="kms:Sign", Resource="*"),
    "key, any action": add_to_policy("AuditKey", "KeyPolicy", Principal=ROLE, Action="kms:*", Resource="*"),
    "key, grants": add_to_policy("AuditKey", "KeyPolicy", Principal=ROLE, Action="kms:CreateGrant", Resource="*"),
    "key, NotAction": add_to_policy("AuditKey", "KeyPolicy", Principal=ROLE, NotAction="kms:x", Resource="*"),
    "bucket for anybody": add_to_policy(
        "CheckpointBucketPolicy", "PolicyDocument", Principal="*", Action="s3:GetObject", Resource="*"
    ),
    "bucket for another role": add_to_policy(
        "CheckpointBucketPolicy", "PolicyDocument", Principal={"AWS": {"GetAtt": "NlpAgentRole.Arn"}},
        Action="s3:PutObject", Resource="*",
    ),
}  # fmt: skip


def is_noticed(template: Json) -> bool:
    """Whether the tests of `test_iam.py` would fail on a template."""
    if list(faults(template)):
        return True
    if len({resource(template, name)["Role"]["GetAtt"] for name in IAM}) < len(IAM):
        return True
    return any(granted(template, role_of(name)) != listed(name) for name in IAM)


def test_the_template_as_it_is_passes() -> None:
    assert not is_noticed(TEMPLATE)


@pytest.mark.parametrize("change", WIDENED.values(), ids=WIDENED.keys())
def test_a_right_is_noticed_wherever_it_is_written(change: Callable[[Json], object]) -> None:
    template = copy.deepcopy(TEMPLATE)
    change(template)
    assert is_noticed(template)


# --- what S3 and KMS would say ---


def matches(statement: Json, action: str, resource_name: str, context: dict[str, str]) -> bool:
    """IAM's evaluation, as far as these policies use it."""
    actions = as_list(statement["Action"])
    places = {str(one).replace("{'GetAtt': '", "").replace("{'Sub': '${", "") for one in as_list(statement["Resource"])}
    on_bucket, on_object = any("/*" not in one for one in places), any("/*" in one for one in places)
    if not any(fnmatchcase(action, known) for known in actions):
        return False
    if not (on_object if resource_name == "object" else on_bucket):
        return False
    tests = {
        "Bool": lambda key, value: context.get(key) == value,
        "Null": lambda key, value: (key not in context) == (value == "true"),
        "ArnNotEquals": lambda key, value: context[key] != value["GetAtt"],
    }
    return all(
        tests[operator](key, value)
        for operator, pairs in statement.get("Condition", {}).items()
        for key, value in pairs.items()
    )


def is_denied(bucket: str, action: str, resource_name: str = "object", **changed: str | None) -> bool:
    """Whether a bucket's policy refuses; by default what the audit agent does, which is allowed."""
    usual = {
        "aws:SecureTransport": "true", "aws:PrincipalArn": "AuditAgentRole.Arn", "s3:if-none-match": "*",
    }  # fmt: skip
    names = {"secure": "aws:SecureTransport", "who": "aws:PrincipalArn", "if_none_match": "s3:if-none-match"}
    context = usual | {names[name]: value for name, value in changed.items() if value is not None}
    for name in [names[name] for name, value in changed.items() if value is None]:
        del context[name]
    document = of_kind(TEMPLATE, "AWS::S3::BucketPolicy")[f"{bucket}Policy"]["PolicyDocument"]
    return any(
        one["Effect"] == "Deny" and one["Principal"] == "*" and matches(one, action, resource_name, context)
        for one in document["Statement"]
    )


def test_the_audit_agent_publishes_and_reads_checkpoints() -> None:
    for action in ("s3:PutObject", "s3:GetObject", "s3:GetObjectVersion"):
        assert not is_denied("CheckpointBucket", action)
    for action in ("s3:ListBucket", "s3:ListBucketVersions", "s3:PutBucketObjectLockConfiguration"):
        assert not is_denied("CheckpointBucket", action, "bucket", who="an auditor")


@pytest.mark.parametrize("who", ["AuditAgentRole.Arn", "NlpAgentRole.Arn", "the account's root"])
@pytest.mark.parametrize(
    "action", ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:PutObjectRetention",
               "s3:PutObjectLegalHold", "s3:ReplicateObject", "s3:ReplicateDelete"],
)  # fmt: skip
def test_nobody_deletes_a_checkpoint_or_lays_a_marker_over_it(action: str, who: str) -> None:
    assert is_denied("CheckpointBucket", action, who=who)


@pytest.mark.parametrize(
    "action", ["s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration", "s3:DeleteBucket"]
)
def test_nobody_has_the_bucket_delete_them(action: str) -> None:
    assert is_denied("CheckpointBucket", action, "bucket", who="the account's root")


def test_nobody_overwrites_a_checkpoint_not_even_who_may_write_them() -> None:
    assert is_denied("CheckpointBucket", "s3:PutObject", if_none_match=None)


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectTagging"])
def test_only_the_audit_agent_writes_checkpoints(action: str) -> None:
    for who in ("NlpAgentRole.Arn", "PlannerRole.Arn", "an operator", "the account's root"):
        assert is_denied("CheckpointBucket", action, who=who)


@pytest.mark.parametrize("bucket", sorted(of_kind(TEMPLATE, "AWS::S3::Bucket")))
def test_every_bucket_takes_tls_only(bucket: str) -> None:
    for action, place in (("s3:GetObject", "object"), ("s3:PutObject", "object"), ("s3:ListBucket", "bucket")):
        assert is_denied(bucket, action, place, secure="false")


def test_every_bucket_but_the_logs_own_logs_who_reads_it() -> None:
    buckets = of_kind(TEMPLATE, "AWS::S3::Bucket")
    logging = {name: one.get("LoggingConfiguration", {}).get("DestinationBucketName") for name, one in buckets.items()}
    assert logging.pop("AccessLogBucket") is None
    assert [name for name, target in logging.items() if target != {"Ref": "AccessLogBucket"}] == []


@pytest.mark.parametrize("key", ["AuditKey", "AuditEd25519Key"])
def test_the_key_says_who_signs_and_the_account_s_policies_can_let_no_one_else(key: str) -> None:
    allowed = [one for one in resource(TEMPLATE, key)["KeyPolicy"]["Statement"] if one["Effect"] == "Allow"]
    signing = [one["Principal"] for one in allowed if {"kms:Sign", "kms:*", "*"} & set(as_list(one["Action"]))]
    assert signing == [ROLE]
    assert not any({"kms:CreateGrant"} & set(as_list(one["Action"])) for one in allowed)


def test_only_functions_that_ask_a_model_may_leave_the_network_where_endpoints_are_made() -> None:
    """A security group for each kind of function; what a group lets out where `HasEndpoints` holds."""
    groups = of_kind(TEMPLATE, "AWS::EC2::SecurityGroup")
    outside = {
        name for name, group in groups.items() for rule in group["SecurityGroupEgress"]
        if with_endpoints(rule.get("CidrIp")) not in (None, "127.0.0.1/32")
    }  # fmt: skip
    members = {
        name: {one["Ref"] for one in function["VpcConfig"]["If"][1]["SecurityGroupIds"]}
        for name, function in of_kind(TEMPLATE, "AWS::Serverless::Function").items()
    }
    assert outside == {"ModelSecurityGroup"}
    assert {name for name, of in members.items() if of & outside} == {"NlpAgent", "ActionAgent"}
    assert {name for name, of in members.items() if "StoringSecurityGroup" in of} == {"Planner", "AuditAgent"}
    assert all("InnerSecurityGroup" in of for of in members.values())


def with_endpoints(value: Any) -> Any:
    chosen = value["If"][1] if isinstance(value, dict) and "If" in value else value
    return None if chosen == {"Ref": "AWS::NoValue"} else chosen
