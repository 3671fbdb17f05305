"""Credentials of other kinds, and contacts: what ministack does not know, moto keeps as mere state.

Nothing here judges whether a revoked credential is refused; it shows that the right thing is written, and put back.
"""

import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from moto.server import ThreadedMotoServer
from moto.ssoadmin.models import ssoadmin_backends

from connectors.aws_account import AwsAccount
from core.errors import RefusedError
from core.model import GrantState, Holder
from tests.servers.aws_proxy import Answer, AwsProxy, json_error
from tests.servers.aws_world import PUBLIC_KEY

ACCOUNT, OUR_ACCOUNT = "123456789012", "999999999999"
OUR_GROUP, THEIR_GROUP = "1111111111-0a0a0a0a-0000-4000-8000-000000000001", "1111111111-0a0a0a0a-0000-4000-8000-000000000002"
CONTACT = {"name": "Rosa Lindqvist", "title": "Owner", "email": "rosa@harbour-dental.example", "phone": "+1 555 0100"}
OUR_CONTACT = {"EmailAddress": "NOC@northlight.example", "Name": "NOC", "Title": "NOC", "PhoneNumber": "+1 555 0199"}


class MotoWorld:
    """An account that `connector` and `technician` are users of; the technician holds one credential of each kind."""

    def __init__(self, folder: Path, target: int) -> None:
        self.folder = folder
        self.service_credential = "Active"
        self.shut: int | None = None
        self.proxy = AwsProxy(target, self.answer)
        self.iam, self.contacts = self.client("iam"), self.client("account")
        for name in ("connector", "technician"):
            self.iam.create_user(UserName=name)
        made = self.iam.create_access_key(UserName="connector")["AccessKey"]
        (folder / "id").write_text(made["AccessKeyId"])
        (folder / "secret").write_text(made["SecretAccessKey"])
        self.iam.upload_ssh_public_key(UserName="technician", SSHPublicKeyBody=ssh_key(folder))
        self.iam.upload_signing_certificate(UserName="technician", CertificateBody=certificate())
        self.contacts.put_alternate_contact(AlternateContactType="SECURITY", **OUR_CONTACT)
        theirs = OUR_CONTACT | {"EmailAddress": "books@harbour-dental.example"}
        self.contacts.put_alternate_contact(AlternateContactType="BILLING", **theirs)
        self.holders = (Holder(name="worker", keys=(PUBLIC_KEY,)), Holder(name="Tess", keys=(PUBLIC_KEY,)))

    def client(self, service: str, region: str = "us-east-1") -> Any:  # noqa: ANN401 - boto3's types
        keys = {"aws_access_key_id": "AKIAANYBODY", "aws_secret_access_key": "any"}
        return boto3.client(service, endpoint_url=self.proxy.endpoint, region_name=region, **keys)

    def answer(self, action: str, ask: Callable[[], Answer]) -> Answer:
        """Keep the one thing that moto does not: a service-specific credential."""
        if action == "ListInstances" and self.shut is not None:
            self.shut -= 1
            if self.shut == -1:
                return json_error("AccessDeniedException")
        if action == "UpdateServiceSpecificCredential":
            self.service_credential = "Inactive" if self.service_credential == "Active" else "Active"
            return Answer(200, b"<UpdateServiceSpecificCredentialResponse/>")
        if action != "ListServiceSpecificCredentials":
            return ask()
        one = f"<ServiceSpecificCredentialId>ACCAEXAMPLE1234567890</ServiceSpecificCredentialId><Status>{self.service_credential}</Status>"
        listed = f"<ServiceSpecificCredentials><member>{one}</member></ServiceSpecificCredentials>"
        result = f"<ListServiceSpecificCredentialsResult>{listed}</ListServiceSpecificCredentialsResult>"
        return Answer(200, f"<ListServiceSpecificCredentialsResponse>{result}</ListServiceSpecificCredentialsResponse>".encode())

    def aws(self, **changed: Any) -> AwsAccount:  # noqa: ANN401 - fields of several types
        users = [{"name": "connector", "holder": "worker", "used_by_us_alone": True}, {"name": "technician", "holder": "Tess"}]
        return AwsAccount.model_validate(
            {
                "name": "aws",
                "account_id": ACCOUNT,
                "regions": ["us-east-1"],
                "endpoint": self.proxy.endpoint,
                "access": {"access_key": f"file:{self.folder / 'id'}", "secret_key": f"file:{self.folder / 'secret'}"},
                "ours": {"users": users, "addresses": [{"address": "noc@northlight.example", "holder": "Tess"}]},
                "client": {"contact": CONTACT},
            }
            | changed
        )

    def assign(self, region: str = "us-east-1") -> tuple[str, str]:
        """Make a permission set, and assign it to a group of ours and to one of the client's. Give the set, and the instance."""
        sso = self.client("sso-admin", region)
        instance = sso.list_instances()["Instances"][0]["InstanceArn"]
        made = sso.create_permission_set(Name="Support", InstanceArn=instance)["PermissionSet"]["PermissionSetArn"]
        for group in (OUR_GROUP, THEIR_GROUP):
            sso.create_account_assignment(**assignment(instance, made, group))
        sso.provision_permission_set(InstanceArn=instance, PermissionSetArn=made, TargetType="AWS_ACCOUNT", TargetId=ACCOUNT)
        return made, instance

    def statuses(self) -> list[str]:
        """Say whether SSH key, certificate and service credential are active."""
        (key,) = self.iam.list_ssh_public_keys(UserName="technician")["SSHPublicKeys"]
        (certificate,) = self.iam.list_signing_certificates(UserName="technician")["Certificates"]
        return [key["Status"], certificate["Status"], self.service_credential]


def assignment(instance: str, permission_set: str, group: str) -> dict[str, str]:
    target = {"TargetId": ACCOUNT, "TargetType": "AWS_ACCOUNT", "PrincipalType": "GROUP", "PrincipalId": group}
    return target | {"InstanceArn": instance, "PermissionSetArn": permission_set}


def ssh_key(folder: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(folder / "key")], check=True)
    return (folder / "key.pub").read_text()


def certificate() -> str:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "technician")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1)
    made = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MotoWorld]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _host, port = server.get_host_and_port()
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/moto-api/reset")  # its state is the process's
    assert connection.getresponse().status == 200
    made = MotoWorld(tmp_path, port)
    with made.proxy:
        yield made
    server.stop()


def test_every_kind_of_credential_is_found_made_inactive_and_active_again(world: MotoWorld) -> None:
    target = world.aws()
    grant = next(grant for grant in target.discover(world.holders) if grant.id == "user technician")
    assert all(words in grant.privilege for words in ("SSH key APKA", "signing certificate ", "service credential ACCAEXAMPLE1234567890"))
    assert world.statuses() == ["Active", "Active", "Active"]
    receipt = target.revoke(grant)
    assert world.statuses() == ["Inactive", "Inactive", "Inactive"]
    assert target.verify(grant, log_in=False).state == GrantState.REVOKED
    assert [one.id for one in target.discover(world.holders)] == ["contact SECURITY", "user connector"]
    target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert world.statuses() == ["Active", "Active", "Active"]
    assert target.reinstate(grant.model_copy(update={"undo": receipt.undo})).facts["changed"] is False


def test_our_contact_gives_way_to_the_clients_and_no_other(world: MotoWorld) -> None:
    target = world.aws()
    (grant,) = [grant for grant in target.discover(world.holders) if grant.id.startswith("contact ")]
    assert "NOC@northlight.example" in grant.privilege
    before = world.contacts.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]
    receipt = target.revoke(grant)
    now = world.contacts.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]
    assert (now["EmailAddress"], now["Name"]) == (CONTACT["email"], CONTACT["name"])
    assert target.verify(grant, log_in=False).state == GrantState.REVOKED
    assert target.revoke(grant).facts["changed"] is False
    target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert world.contacts.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"] == before


def test_a_contact_is_never_left_empty(world: MotoWorld) -> None:
    target = world.aws(client={})
    (grant,) = [grant for grant in target.discover(world.holders) if grant.id.startswith("contact ")]
    with pytest.raises(RefusedError, match="nobody of the client's is named"):
        target.revoke(grant)
    assert target.verify(grant, log_in=False).state == GrantState.ACTIVE


@pytest.mark.parametrize("home", ["us-east-1", "eu-central-1"])
def test_an_assignment_of_ours_is_taken_away_and_made_anew_and_the_clients_stays(world: MotoWorld, home: str) -> None:
    ssoadmin_backends[ACCOUNT][{"us-east-1": "eu-central-1", "eu-central-1": "us-east-1"}[home]].instances.clear()  # it is in one region
    permission_set, instance = world.assign(home)
    ours = world.aws().ours.model_dump(mode="json") | {"identity_center": [{"principal_id": OUR_GROUP, "holder": "Tess"}]}
    target, sso = world.aws(ours=ours, regions=["us-east-1", "eu-central-1"]), world.client("sso-admin", home)

    def assigned() -> set[str]:
        listed = sso.list_account_assignments(InstanceArn=instance, AccountId=ACCOUNT, PermissionSetArn=permission_set)
        return {one["PrincipalId"] for one in listed["AccountAssignments"]}

    (grant,) = [grant for grant in target.discover(world.holders) if grant.id.startswith("assignment ")]
    assert grant.undo == {"instance": instance, "region": home}
    assert not [words for words in target.not_looked_at() if words.startswith("IAM Identity Center")]
    assert target.verify(grant, log_in=False).state == GrantState.ACTIVE
    receipt = target.revoke(grant)
    assert assigned() == {THEIR_GROUP}
    assert target.verify(grant, log_in=False).state == GrantState.REVOKED
    assert target.revoke(grant).facts["changed"] is False
    target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert assigned() == {OUR_GROUP, THEIR_GROUP}
    assert target.reinstate(grant).facts["changed"] is False
    older = grant.model_copy(update={"undo": {"instance": instance}})  # a plan that was drawn before regions were kept
    assert target.verify(older, log_in=False).state == GrantState.ACTIVE
    world.shut = 1 if home == "us-east-1" else 0  # the other region is closed to everybody
    assert target.verify(older, log_in=False).state == GrantState.ACTIVE
    world.shut = None
    client = grant.model_copy(update={"id": grant.id.replace(OUR_GROUP, THEIR_GROUP)})
    with pytest.raises(RefusedError, match="no assignment of ours"):
        target.revoke(client)
    assert assigned() == {OUR_GROUP, THEIR_GROUP}


def test_where_no_region_has_identity_center_it_is_told(world: MotoWorld) -> None:
    for region in ("us-east-1", "eu-central-1"):
        ssoadmin_backends[ACCOUNT][region].instances.clear()
    ours = world.aws().ours.model_dump(mode="json") | {"identity_center": [{"principal_id": OUR_GROUP, "holder": "Tess"}]}
    target = world.aws(ours=ours, regions=["us-east-1", "eu-central-1"])
    assert not [grant for grant in target.discover(world.holders) if grant.id.startswith("assignment ")]
    (said,) = [words for words in target.not_looked_at() if words.startswith("IAM Identity Center")]
    assert said == "IAM Identity Center (none is found in us-east-1, eu-central-1; if its region is another, name it under regions)"


def test_a_share_with_us_is_told_and_left_to_the_client(world: MotoWorld) -> None:
    ram = world.client("ram")
    share = ram.create_resource_share(name="subnets", principals=[OUR_ACCOUNT, "222222222222"])["resourceShare"]["resourceShareArn"]
    ours = world.aws().ours.model_dump(mode="json") | {"accounts": [{"id": OUR_ACCOUNT, "holder": "Tess"}]}
    target = world.aws(ours=ours)
    (grant,) = [grant for grant in target.discover(world.holders) if grant.id.startswith("share ")]
    assert grant.id == f"share {share} with {OUR_ACCOUNT} in us-east-1 for Tess"
    with pytest.raises(RefusedError, match="disassociate-resource-share"):
        target.revoke(grant)
    assert target.verify(grant, log_in=False).state == GrantState.ACTIVE
