"""What a template permits, wherever it says so: roles, policies of its own, policies of resources; and what it may not.

A right is (action, resource), both as docs/governance/iam.toml writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

type Json = dict[str, Any]
type Right = tuple[str, str]

# Kinds of resources that give nobody a right, or whose rights are read here. A new kind has to be thought about.
KINDS = {
    "AWS::Serverless::Function", "AWS::Serverless::LayerVersion", "AWS::Serverless::StateMachine",
    "AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::CloudWatch::Alarm", "AWS::S3::Bucket", "AWS::S3::BucketPolicy",
    "AWS::KMS::Key", "AWS::KMS::Alias", "AWS::SNS::Topic", "AWS::IAM::Role", "AWS::IAM::ManagedPolicy",
    "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::VPCEndpoint",
}  # fmt: skip
SERVICES = {"AWS::Serverless::Function": "lambda", "AWS::Serverless::StateMachine": "states"}
NETWORK = "NetworkInterfaces"
# What Lambda needs of every role in a VPC. Not for the function's own code: a condition says so.
NETWORK_ACTIONS = {
    "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
}  # fmt: skip
NOT_FROM_CODE = {"Null": {"lambda:SourceFunctionArn": "true"}}
_SIGN = {"kms:Sign", "kms:CreateGrant"}
ROLE_PARTS = {"AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies"}
STATEMENT_PARTS = {"Sid", "Effect", "Action", "Resource", "Condition"}
# Of a function: rights, and ways in, that SAM makes without a resource of the template's.
FUNCTION_RIGHTS = {"Policies", "PermissionsBoundary", "FunctionUrlConfig", "Connectors", "AssumeRolePolicyDocument"}


def as_list(value: Any) -> list[Any]:
    """A value that may stand alone, as a list."""
    return value if isinstance(value, list) else [value]


def of_kind(template: Json, kind: str) -> Json:
    """The properties of every resource of a kind, by name."""
    return {name: one.get("Properties", {}) for name, one in template["Resources"].items() if one["Type"] == kind}


def plainly(resource: Any) -> str:
    """A resource as the list writes it."""
    if isinstance(resource, str):
        return resource
    ((how, what),) = resource.items()
    if how != "Sub":
        return str(what)
    without_account = re.sub(r"^arn:\$\{AWS::Partition\}:\w+:\$\{AWS::Region\}:\$\{AWS::AccountId\}:", "", what)
    return re.sub(r"\$\{([\w.]+\.Arn)\}", r"\1", without_account).replace("${", "{")


def granted(template: Json, role: str) -> set[Right]:
    """Every right of a role: its own policies', and those that the policies of keys and buckets give it."""
    own = [policy["PolicyDocument"] for policy in of_kind(template, "AWS::IAM::Role")[role].get("Policies", [])]
    rights = {right for document in own for right in _rights(document)}
    principal = {"AWS": {"GetAtt": f"{role}.Arn"}}
    for key, properties in of_kind(template, "AWS::KMS::Key").items():
        rights |= {(action, f"{key}.Arn") for action, _ in _rights(properties["KeyPolicy"], principal)}
    for properties in of_kind(template, "AWS::S3::BucketPolicy").values():
        rights |= _rights(properties["PolicyDocument"], principal)
    return rights


def _rights(document: Json, principal: Json | None = None) -> set[Right]:
    return {
        (action, plainly(resource))
        for statement in as_list(document["Statement"])
        if statement["Effect"] == "Allow" and statement.get("Principal") == principal
        for action in as_list(statement.get("Action", []))
        for resource in as_list(statement.get("Resource", []))
    }


def faults(template: Json) -> Iterator[str]:
    """Ways to a right that the lists of rights would not show."""
    if template["Transform"] != "AWS::Serverless-2016-10-31":
        yield f"transform {template['Transform']}: what it adds is not read here"
    for name, one in template["Resources"].items():
        if one["Type"] not in KINDS:
            yield f"{name}: a resource of the kind {one['Type']}"
    for name, role in of_kind(template, "AWS::IAM::Role").items():
        yield from _faults_of_role(template, name, role)
    for kind, service in SERVICES.items():
        for name, properties in of_kind(template, kind).items():
            yield from (f"{name}: {part}" for part in FUNCTION_RIGHTS & set(properties))
            if list(properties.get("Role", {"Role": "none"})) != ["GetAtt"]:
                yield f"{name}: no role of its own, of this template"
            elif _assumed_by(template, properties["Role"]["GetAtt"]) != f"{service}.amazonaws.com":
                yield f"{name}: its role is not {service}'s"
            yield from (
                f"{name}: event {event}" for event, made in properties.get("Events", {}).items()
                if made["Type"] not in ("SQS", "Schedule")
            )  # fmt: skip
    yield from (f"Globals: {part}" for part in FUNCTION_RIGHTS | {"Role"} if part in template["Globals"]["Function"])
    yield from _faults_of_network(template)
    yield from _faults_of_resource_policies(template)


def _assumed_by(template: Json, role: str) -> str:
    document = of_kind(template, "AWS::IAM::Role")[role.removesuffix(".Arn")]["AssumeRolePolicyDocument"]
    return str(document["Statement"][0].get("Principal", {}).get("Service"))


def _faults_of_role(template: Json, name: str, role: Json) -> Iterator[str]:
    yield from (f"{name}: {part}" for part in set(role) - ROLE_PARTS)
    attached = [{"If": ["InVpc", {"Ref": NETWORK}, {"Ref": "AWS::NoValue"}]}]
    if role.get("ManagedPolicyArns", attached) != attached:
        yield f"{name}: managed policies {role['ManagedPolicyArns']}"
    [trust, *more] = as_list(role["AssumeRolePolicyDocument"]["Statement"])
    services = [f"{service}.amazonaws.com" for service in SERVICES.values()]
    if more or trust.get("Principal") not in [{"Service": service} for service in services]:
        yield f"{name}: assumed by {[trust, *more]}"
    if (trust["Effect"], trust.get("Action")) != ("Allow", "sts:AssumeRole") or "NotAction" in trust:
        yield f"{name}: trust {trust}"
    for policy in role.get("Policies", []):
        for statement in as_list(policy["PolicyDocument"]["Statement"]):
            yield from (f"{name}: {part}" for part in set(statement) - STATEMENT_PARTS)
            actions, resources = as_list(statement.get("Action", [])), as_list(statement.get("Resource", []))
            if statement["Effect"] != "Allow" or not actions or not resources:
                yield f"{name}: a statement without effect, action or resource"
            yield from (f"{name}: {action}" for action in actions if not re.fullmatch(r"[a-z0-9]+:\w+", action))
            yield from (
                f"{name}: {action} on everything" for action in actions for resource in resources
                if plainly(resource).startswith(("*", "arn:*")) and not _cannot_be_narrowed(name, action)
            )  # fmt: skip


def _cannot_be_narrowed(role: str, action: str) -> bool:
    narrowest = r"logs:\w+(LogDeliver\w+|ResourcePolic\w+|LogGroups)"
    return role == "RetentionRunRole" and re.fullmatch(narrowest, action) is not None


def _faults_of_network(template: Json) -> Iterator[str]:
    policies = of_kind(template, "AWS::IAM::ManagedPolicy")
    yield from (f"{name}: a managed policy" for name in set(policies) - {NETWORK})
    for statement in policies[NETWORK]["PolicyDocument"]["Statement"]:
        if set(statement) != STATEMENT_PARTS or statement["Condition"] != NOT_FROM_CODE:
            yield f"{NETWORK}: {statement}"
        actions = set(as_list(statement.get("Action", [])))
        if not actions <= NETWORK_ACTIONS:
            yield f"{NETWORK}: {sorted(actions - NETWORK_ACTIONS)}"
        if statement["Resource"] == "*" and not all(action.startswith("ec2:Describe") for action in actions):
            yield f"{NETWORK}: {sorted(actions)} on everything"
    if set(policies[NETWORK]) != {"Description", "PolicyDocument"}:
        yield f"{NETWORK}: attached beside the roles' own lists"


def _faults_of_resource_policies(template: Json) -> Iterator[str]:
    """Anybody else than a role whom a key's or a bucket's policy allows something."""
    roles = [{"AWS": {"GetAtt": f"{role}.Arn"}} for role in of_kind(template, "AWS::IAM::Role")]
    documents = {name: key["KeyPolicy"] for name, key in of_kind(template, "AWS::KMS::Key").items()}
    documents |= {name: one["PolicyDocument"] for name, one in of_kind(template, "AWS::S3::BucketPolicy").items()}
    for name, document in documents.items():
        for statement in document["Statement"]:
            actions = as_list(statement.get("Action", "NotAction"))
            whose = statement.get("Principal")
            plain = all(re.fullmatch(r"[a-z0-9]+:\w+", action) for action in actions)
            if statement["Effect"] != "Deny" and not (plain and (whose in roles or _is_known(name, whose, actions))):
                yield f"{name}: {statement.get('Sid')}: {whose} may {actions}"


def _is_known(policy: str, whose: Any, actions: list[str]) -> bool:
    """The account as the keys' administrator, who signs receipts only, and S3 as its logs' writer."""
    if policy == "AccessLogBucketPolicy":
        return whose == {"Service": "logging.s3.amazonaws.com"} and actions == ["s3:PutObject"]
    account = {"AWS": {"Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    forbidden = {"AuditKey": _SIGN, "AuditEd25519Key": _SIGN, "HandOverKey": _SIGN - {"kms:Sign"}}
    return policy in forbidden and whose == account and not forbidden[policy] & set(actions)
