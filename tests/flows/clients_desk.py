"""The client's own desk: it looks at its account by a key of its own, with the program and the request that came by mail, and signs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.flows.exit_world import CHECKOUT, ExitWorld
from tests.servers.aws_world import AwsWorld

SPACE = "offboard-look@northwind.example"


class ClientsDesk:
    """A simulated client whose AWS account is looked at from outside in vain, and what the client does about it."""

    def __init__(self, world: ExitWorld, aws: AwsWorld, folder: Path) -> None:
        self.world, self.aws, self.folder = world, aws, folder

    def add_account(self, written: dict[str, Any]) -> None:
        """Put the account into the engagement file: our user in it, and a technician's."""
        users = [
            {"name": "connector", "holder": "Northwind automation", "used_by_us_alone": "true"},
            {"name": "technician", "holder": "Tariq, technician", "used_by_us_alone": "true"},
        ]
        settings = self.aws.settings(ours={"users": users})
        written["access_targets"].append({"kind": "aws_account", **settings})

    def request(self) -> Path:
        """Save the attachment of the newest request, with the client's own access filled in."""
        return self.fill_in(self.newest_request(), self.aws.pair("client"))

    def newest_request(self) -> Any:  # noqa: ANN401 - YAML
        """Read the attachment of the newest request."""
        mail = [one for one in self.world.acme.mail.messages() if "look for yourself" in str(one["Subject"])][-1]
        attached = next(iter(mail.iter_attachments()))
        return yaml.safe_load(attached.get_content() if attached.get_content_maintype() == "text" else attached.get_payload(decode=True))

    def fill_in(self, request: dict[str, Any], access: dict[str, Any]) -> Path:
        request["systems"][0]["way-in"] = {"access": access}
        return self.save(request)

    def save(self, request: dict[str, Any]) -> Path:
        """Write a request that is filled in."""
        path = self.folder / f"request-{len(list(self.folder.glob('request-*')))}.yaml"
        path.write_text(yaml.safe_dump(request, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return path

    def look(self, request: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
        """Look in a folder where nothing of ours is: neither engagement file nor record."""
        looks = request.with_suffix("")
        command = [sys.executable, "-m", "cli.main", "client-check", "look", str(request), "--out", str(looks)]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "PYTHONPATH": str(CHECKOUT), "COLUMNS": "200"}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        return max(looks.glob("look-*.txt"), default=looks), done

    def sign(self, text: Path, key: str = "client-director") -> Path:
        """Sign as a stranger to this program would: by ssh-keygen."""
        path = text.with_name(text.name + ".sig")
        path.unlink(missing_ok=True)
        private = self.world.acme.keys / key
        private.chmod(0o600)
        subprocess.run(["ssh-keygen", "-Y", "sign", "-n", SPACE, "-f", str(private), str(text)], check=True, capture_output=True)
        return path

    def take_in(self, text: Path) -> subprocess.CompletedProcess[str]:
        return self.world.offboard("sign", "take-in", "acme-dental", str(text))

    def put_technician_back(self) -> None:
        """As the client's administrator would, by mistake: switch a key of ours on again and take the denial away."""
        self.aws.root.update_access_key(UserName="technician", AccessKeyId=self.aws.keys["technician"].id, Status="Active")
        for name in self.aws.root.list_user_policies(UserName="technician")["PolicyNames"]:
            self.aws.root.delete_user_policy(UserName="technician", PolicyName=name)
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self.aws.root.put_user_policy(UserName="technician", PolicyName="everything", PolicyDocument=json.dumps(everything))

    def take_technician_away(self) -> None:
        """As the client: delete the whole user."""
        for name in self.aws.root.list_user_policies(UserName="technician")["PolicyNames"]:
            self.aws.root.delete_user_policy(UserName="technician", PolicyName=name)
        self.aws.root.delete_access_key(UserName="technician", AccessKeyId=self.aws.keys["technician"].id)
        self.aws.root.delete_user(UserName="technician")
