"""The request that the client is sent: one file that a person can read, fill in and hand to the program."""

from collections.abc import Sequence
from typing import Any

import yaml

from core.client_check.asked import Asked
from core.client_check.asking import asked, target_for_client
from core.exit import Exit
from core.model import ExitPlan, Role
from core.signatures.statements import write_instant

FORMAT = "offboard-client-check/v1"

_HEAD = """\
# {provider} asks you to look for yourself whether its access to your systems is gone.
# Fill in, under `way-in` of each system, by which access of your own it is looked at (it only has to read); change nothing else.
# A secret is named by where it is, env:NAME or file:PATH, and never written here; a path counts from this file's folder.
# An AWS session has its token beside: `session_token: env:AWS_SESSION_TOKEN`.
# A tenant at Microsoft is looked at by an application that you register there; `ca_file` and `proxy` may stand beside `access`.
# Or sign in to it yourself: `device_code: true` in the place of `private_key` and `certificate`. For that the application has
# "Allow public client flows" (Authentication) set to Yes, and delegated permissions with your administrator's consent.
# Then run:  offboard client-check look THIS-FILE --out looks
# Nothing is changed on your systems, and nothing is sent to anybody: you get texts to sign and to give back.
"""


def request_text(exit_: Exit, plan: ExitPlan, systems: Sequence[str]) -> str:
    """Write a request about these systems (YAML, UTF-8). Raises RefusedError for one that nobody can look at in this way."""
    engagement = exit_.engagement
    signers = [{"principal": one.principal, "name": one.name} for one in engagement.people if one.role == Role.CLIENT]
    request = {
        "format": FORMAT,
        "engagement": engagement.slug,
        "provider": {"name": engagement.provider.name, "domain": engagement.provider.domain},
        "plan-sha256": plan.digest,
        "asked-at": write_instant(exit_.now()),
        "signers": signers,
        "holders": [one.model_dump(mode="json") for one in engagement.holders],
        "systems": [_system(exit_, asked(exit_, plan, name)) for name in systems],
    }
    return _HEAD.format(provider=engagement.provider.name) + yaml.safe_dump(request, sort_keys=False, allow_unicode=True, width=10_000)


def _system(exit_: Exit, one: Asked) -> dict[str, Any]:
    target = target_for_client(exit_, one.system)
    holders = sorted({grant.holder for grant in one.grants})
    look_for = [{"holder": name, "grants": [grant.id for grant in one.grants if grant.holder == name]} for name in holders]
    return {"way-in": {**target.way_in_of_the_client()}, "where": dict(one.where), "look-for": look_for}
