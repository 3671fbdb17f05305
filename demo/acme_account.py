"""The simulated client's AWS account: what of it is the client's, and by what the provider comes in, as grown over the years.

The client's: Dana, who administers it, a role by which its imaging software works, and a bucket. Ours: the role that trusts our
account, two users, a place in the bucket's policy, and the address to which AWS writes about security.
"""

import json
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from demo.aws_server import AwsServer

CLIENT: Final = "111122223333"
PROVIDER: Final = "999988887777"
EXTERNAL_ID: Final = "acme-dental-7"
BUCKET: Final = "acme-dental-invoices"
DANA, MONITORING, TARIQ = (f"arn:aws:iam::{CLIENT}:user/{name}" for name in ("dana", "northwind-monitoring", "tariq"))
IMAGING: Final = f"arn:aws:iam::{CLIENT}:role/imaging-software"
WORKER: Final = f"arn:aws:iam::{PROVIDER}:user/exits"
WAY_IN: Final = f"arn:aws:iam::{CLIENT}:role/northwind-support"
AUTOMATION, TECHNICIAN = "Northwind automation", "Tariq, technician"
SECURITY: Final = {"Name": "Northwind NOC", "Title": "On call", "EmailAddress": "noc@northwind.example", "PhoneNumber": "+1 555 0142"}
REFUSALS: Final = {"AccessDenied", "InvalidClientTokenId"}
EVERYTHING: Final = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def fill_account(server: AwsServer, keys: Path) -> None:
    """Make everything anew in an empty server. Each access key goes into `keys`, as aws-NAME.id and aws-NAME.secret."""
    iam = _client("iam", server, CLIENT)
    for arn in (DANA, MONITORING, TARIQ):
        _add_user(iam, _name(arn), keys)
    _add_user(_client("iam", server, PROVIDER), _name(WORKER), keys)
    only_us = {"AWS": f"arn:aws:iam::{PROVIDER}:root"}, {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
    _add_role(iam, _name(WAY_IN), *only_us, EVERYTHING)
    reads = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}]}
    _add_role(iam, _name(IMAGING), {"Service": "ec2.amazonaws.com"}, {}, reads)
    s3 = _client("s3", server, CLIENT)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(_bucket_policy()))
    iam.upload_ssh_public_key(UserName=_name(TARIQ), SSHPublicKeyBody=(keys / "our-technician.pub").read_text(encoding="ascii"))
    _client("account", server, CLIENT).put_alternate_contact(AlternateContactType="SECURITY", **SECURITY)
    _client("s3", server, *key_of(keys, MONITORING)).list_objects_v2(Bucket=BUCKET)  # as a program would that runs by it


def account(server: AwsServer) -> dict[str, Any]:
    """Give the engagement file's words for the account."""
    users = (MONITORING, AUTOMATION), (TARIQ, TECHNICIAN)
    return {
        "kind": "aws_account",
        "name": "aws",
        "account_id": CLIENT,
        "regions": [server.region],
        "endpoint": server.endpoint,
        "access": _pair(WORKER) | {"role_arn": WAY_IN, "external_id": EXTERNAL_ID},
        "ours": {
            "accounts": [{"id": PROVIDER, "holder": AUTOMATION}],
            "users": [
                {"name": _name(arn), "holder": holder, "used_by_us_alone": "true", "credential": _pair(arn)} for arn, holder in users
            ],
            "addresses": [{"address": SECURITY["EmailAddress"], "holder": AUTOMATION}],
        },
        "client": {
            "administrators": [DANA],
            "contact": {"name": "Dana Reyes", "title": "Owner", "email": "dana@acme-dental.example", "phone": "+1 555 0100"},
        },
    }


def ways_in(server: AwsServer, keys: Path) -> dict[str, bool]:
    """Try to come in by each way there was, as plain boto3 does; say who came in. Raises ClientError for what is neither yes nor no."""
    found = {f"{_name(arn)}'s access key": _opens("iam", server, keys, arn, "get_user") for arn in (DANA, MONITORING, TARIQ)}
    role = {"RoleArn": WAY_IN, "RoleSessionName": "try", "ExternalId": EXTERNAL_ID}
    return found | {"our account's role northwind-support": _opens("sts", server, keys, WORKER, "assume_role", **role)}


def key_of(keys: Path, arn: str) -> tuple[str, str]:
    """Read a user's access key and its secret."""
    identity, secret = ((keys / f"aws-{_name(arn)}.{what}").read_text(encoding="ascii") for what in ("id", "secret"))
    return identity, secret


def clients_own(server: AwsServer) -> dict[str, Any]:
    """Give what of the account is the client's, as its root sees it: the imaging software's role, and whom the bucket lets in."""
    iam, s3 = (_client(service, server, CLIENT) for service in ("iam", "s3"))
    role = iam.get_role(RoleName=_name(IMAGING))["Role"]
    rights = iam.get_role_policy(RoleName=_name(IMAGING), PolicyName="work")["PolicyDocument"]
    return {
        "trust": role["AssumeRolePolicyDocument"],
        "rights": rights,
        "bucket": json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"][0]["Principal"]["AWS"],
    }


def _bucket_policy() -> dict[str, Any]:
    both = {"AWS": [IMAGING, WORKER]}
    one = {"Sid": "Invoices", "Effect": "Allow", "Principal": both, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    return {"Version": "2012-10-17", "Statement": [one]}


def _add_user(iam: Any, name: str, keys: Path) -> None:  # noqa: ANN401 - boto3 makes its clients' types at run time
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    for what, text in (("id", made["AccessKeyId"]), ("secret", made["SecretAccessKey"])):
        (keys / f"aws-{name}.{what}").write_text(text, encoding="ascii")


def _add_role(iam: Any, name: str, principal: dict[str, str], condition: dict[str, Any], allowed: dict[str, Any]) -> None:  # noqa: ANN401 - as above
    one = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"} | ({"Condition": condition} if condition else {})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [one]}))
    iam.put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=json.dumps(allowed))


def _opens(service: str, server: AwsServer, keys: Path, arn: str, operation: str, **asked: str) -> bool:
    try:
        getattr(_client(service, server, *key_of(keys, arn)), operation)(**asked)
    except ClientError as error:
        if error.response["Error"]["Code"] not in REFUSALS:
            raise
        return False
    return True


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _pair(arn: str) -> dict[str, str]:
    name = _name(arn)
    return {"access_key": f"file:../keys/aws-{name}.id", "secret_key": f"file:../keys/aws-{name}.secret"}


def _client(service: str, server: AwsServer, key: str, secret: str = "unchecked") -> Any:  # noqa: ANN401, S107 - as above; no key is checked for an account's root
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(proxies={}, s3={"addressing_style": "path"}),
    )
