"""Policies on resources that name us: buckets, keys, topics, queues, secrets and repositories. Out goes what names us, and no more."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from connectors.aws_account.anybody import let_in_besides
from connectors.aws_account.at_once import looked
from connectors.aws_account.errors import GoneError
from connectors.aws_account.guard import Errand
from connectors.aws_account.policies import (
    Document,
    conditions,
    dumped,
    loaded,
    pieces_of,
    principals,
    put_back,
    same,
    take_out,
)
from connectors.aws_account.session import AwsSession
from connectors.aws_account.visit import Visit
from core.canonical import Json
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

Names = Callable[[AwsSession, str], Iterator[str]]


class Service(NamedTuple):
    """How one service lists its resources in a region, and how the policy of one is read and written.

    `get` and `put` name an operation and where its policy lies in answer or parameters; `naming` is the parameter that names the resource.
    """

    words: str
    names: Names
    naming: str
    get: tuple[str, Mapping[str, Any], Callable[[dict[str, Any]], Any]]
    put: tuple[str, Callable[[str], dict[str, Any]]]


def _buckets(session: AwsSession, region: str) -> Iterator[str]:
    """Name the buckets that lie in a region: a bucket answers there alone."""
    for one in session.pages("s3", "ListBuckets", "Buckets", region, BucketRegion=region):
        yield one["Name"]


def _pages(service: str, operation: str, items: str, name: str, **params: Any) -> Names:  # noqa: ANN401 - as the SDK takes them
    def names(session: AwsSession, region: str) -> Iterator[str]:
        for one in session.pages(service, operation, items, region, **params):
            yield one if isinstance(one, str) else one[name]

    return names


SERVICES: Final[Mapping[str, Service]] = {
    "s3": Service(
        "bucket",
        _buckets,
        "Bucket",
        ("GetBucketPolicy", {}, lambda answer: answer["Policy"]),
        ("PutBucketPolicy", lambda text: {"Policy": text}),
    ),
    "kms": Service(
        "encryption key",
        _pages("kms", "ListKeys", "Keys", "KeyArn"),
        "KeyId",
        ("GetKeyPolicy", {"PolicyName": "default"}, lambda answer: answer["Policy"]),
        ("PutKeyPolicy", lambda text: {"PolicyName": "default", "Policy": text}),
    ),
    "sns": Service(
        "topic",
        _pages("sns", "ListTopics", "Topics", "TopicArn"),
        "TopicArn",
        ("GetTopicAttributes", {}, lambda answer: answer["Attributes"].get("Policy")),
        ("SetTopicAttributes", lambda text: {"AttributeName": "Policy", "AttributeValue": text}),
    ),
    "sqs": Service(
        "queue",
        _pages("sqs", "ListQueues", "QueueUrls", "", MaxResults=1000),  # without it SQS tells of no more pages (API Reference, ListQueues)
        "QueueUrl",
        ("GetQueueAttributes", {"AttributeNames": ["Policy"]}, lambda answer: answer.get("Attributes", {}).get("Policy")),
        ("SetQueueAttributes", lambda text: {"Attributes": {"Policy": text}}),
    ),
    "secretsmanager": Service(
        "secret",
        _pages("secretsmanager", "ListSecrets", "SecretList", "ARN"),
        "SecretId",
        ("GetResourcePolicy", {}, lambda answer: answer.get("ResourcePolicy")),
        ("PutResourcePolicy", lambda text: {"ResourcePolicy": text, "BlockPublicPolicy": True}),
    ),
    "ecr": Service(
        "image repository",
        _pages("ecr", "DescribeRepositories", "repositories", "repositoryName"),
        "repositoryName",
        ("GetRepositoryPolicy", {}, lambda answer: answer["policyText"]),
        ("SetRepositoryPolicy", lambda text: {"policyText": text}),
    ),
}
_BY_HAND: Final = "lambda"
"""Its policy is changed statement by statement, by operations that take a statement away: left to the client."""


class Resources:
    """Grants `policy SERVICE NAME in REGION for HOLDER`."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find the resources whose policies name these holders. What we may not look at is noted, not passed over."""
        places = [(service, region) for region in visit.account.regions for service in (*SERVICES, _BY_HAND)]
        listed = looked(visit, places, _listed)
        every = [one for names in listed for one in names]
        for grants in looked(visit, every, _on_resource):
            yield from grants

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """Read the policy again."""
        service, name, region = _named(grant)
        if pieces_of(_policy(visit, service, name, region), visit.marks(grant.holder)):
            return Seen(stands=True, evidence=f"the policy of {service} {name} names {grant.holder}")
        return Seen(stands=False, evidence=f"the policy of {service} {name} does not let {grant.holder} in")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Write the policy without us. Raises RefusedError where a statement can only be deleted."""
        service, name, region = _named(grant)
        document, marks = _policy(visit, service, name, region), visit.marks(grant.holder)
        taken = take_out(document, marks, grant.holder)
        if not taken.pieces:
            return already(grant, f"the policy of {service} {name} does not let {grant.holder} in")
        if service == _BY_HAND:
            raise RefusedError(
                f"{grant.id}: AWS only lets us delete its statements, and what is deleted cannot be put back as it was",
                untouched="the function and its policy",
                todo=f"have the client take the statement {taken.pieces[0].statement.get('Sid')} out: aws lambda remove-permission",
            )
        undo = grant.undo if "policy" in grant.undo else {"policy": dumped(taken.pieces)}
        self._write(visit, grant, taken.document, Errand({SERVICES[service].naming: name}, document=document, marks=marks))
        visit.session.settle(lambda: not pieces_of(_policy(visit, service, name, region), marks), f"the policy of {service} {name}")
        how = ", by a denial: it lets nobody else in" if taken.denied else ""
        return Receipt(
            done=f"the policy of {service} {name} in {region} lets {grant.holder} in no more{how}", undo=undo, facts={"changed": True}
        )

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Let the policy name us again; what else it says stays as it is now."""
        service, name, region = _named(grant)
        if "policy" not in grant.undo:
            raise RefusedError(f"{grant.subject} came without its undo", untouched="everything in the account")
        document, marks = _policy(visit, service, name, region), visit.marks(grant.holder)
        back = put_back(document, loaded(grant.undo["policy"]), grant.holder)
        if same(back, document):
            return already_back(grant)
        errand = Errand({SERVICES[service].naming: name}, reinstating=True, document=document, marks=marks)
        self._write(visit, grant, back, errand)
        visit.session.settle(lambda: bool(pieces_of(_policy(visit, service, name, region), marks)), f"the policy of {service} {name}")
        return Receipt(done=f"the policy of {service} {name} in {region} lets {grant.holder} in again", facts={"changed": True})

    def _write(self, visit: Visit, grant: Grant, document: Document, errand: Errand) -> None:
        service, name, region = _named(grant)
        known = SERVICES[service]
        operation, params = known.put
        with visit.session.errand(errand):
            visit.session.call(service, operation, region, **{known.naming: name}, **params(json.dumps(document, separators=(",", ":"))))


def _listed(visit: Visit, place: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Name the resources of a service in a region, as far as we may see them."""
    service, region = place
    known = SERVICES.get(service)
    names = known.names if known else _pages("lambda", "ListFunctions", "Functions", "FunctionName")
    found = list[tuple[str, str, str]]()
    with visit.noting(f"{service} in {region}"):
        found += ((service, name, region) for name in names(visit.session, region))
    return found


def _on_resource(visit: Visit, resource: tuple[str, str, str]) -> list[Grant]:
    service, name, region = resource
    document: Document = {}
    with visit.noting(f"{service} {name} in {region}"):
        document = _policy(visit, service, name, region)
    visit.unseen += let_in_besides(document, f"{service} {name} in {region}", visit.account)
    return [_grant(visit, resource, document, holder) for holder in visit.holders if pieces_of(document, visit.marks(holder))]


def _grant(visit: Visit, resource: tuple[str, str, str], document: Document, holder: str) -> Grant:
    service, name, region = resource
    pieces = pieces_of(document, visit.marks(holder))
    named = sorted({value for piece in pieces for _kind, value in principals(piece.statement)})
    when = "; ".join(words for piece in pieces for words in [conditions(piece)] if words)
    words = SERVICES[service].words if service in SERVICES else "function"
    return Grant(
        system=visit.system,
        id=f"policy {service} {name} in {region} for {holder}",
        holder=holder,
        privilege=f"{_actions(pieces)} by the policy of the {words} as {', '.join(named)}" + (f", where {when}" if when else ""),
        undo={"policy": dumped(take_out(document, visit.marks(holder), holder).pieces)},
    )


def _policy(visit: Visit, service: str, name: str, region: str) -> dict[str, Any]:
    """Read a policy; an empty one if there is none, or no such resource."""
    try:
        if service == _BY_HAND:
            found = visit.session.call("lambda", "GetPolicy", region, FunctionName=name)["Policy"]
        else:
            operation, params, where = SERVICES[service].get
            found = where(visit.session.call(service, operation, region, **{SERVICES[service].naming: name}, **params))
    except GoneError:
        return {}
    return json.loads(found) if found else {}


def _actions(pieces: Json) -> str:
    found = set[str]()
    for piece in pieces:
        actions = piece.statement.get("Action", piece.statement.get("NotAction", []))
        found |= {actions} if isinstance(actions, str) else set(actions)
    return ", ".join(sorted(found))


def _named(grant: Grant) -> tuple[str, str, str]:
    words = grant.id.removesuffix(f" for {grant.holder}").split(" ")
    if len(words) != 5 or words[0] != "policy" or words[1] not in {*SERVICES, _BY_HAND}:  # noqa: PLR2004 - policy SERVICE NAME in REGION
        raise RefusedError(f"{grant.subject} is no policy of a resource", untouched="everything in the account")
    return words[1], words[2], words[4]
