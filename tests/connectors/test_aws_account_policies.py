"""What a policy says of us, and the policy without us: by example, and for any policy there may be."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.aws_account.anybody import let_in_besides, lets_anybody_in
from connectors.aws_account.guard import Errand, may_send
from connectors.aws_account.marks import Marks
from connectors.aws_account.policies import SID, dumped, loaded, others, pieces_of, put_back, same, statements, take_out
from connectors.aws_account.settings import Account

US, CLIENT, OTHER = "999999999999", "111111111111", "777777777777"
TESS, BEN = f"arn:aws:iam::{US}:user/tess", f"arn:aws:iam::{US}:user/ben"
OURS = Marks(
    accounts=frozenset({US}),
    values=frozenset({"harbour-7", "o-msp1234567", "203.0.113.0/24", f"arn:aws:iam::{CLIENT}:saml-provider/Northlight"}),
)
THEIRS = (f"arn:aws:iam::{CLIENT}:root", f"arn:aws:iam::{OTHER}:user/sam", "*", "AIDAEXAMPLE")


def allow(principal: Any, condition: Any = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    made = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return made | ({"Condition": condition} if condition else {})


def document(*every: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(every)}


@pytest.mark.parametrize(
    "statement",
    [
        allow({"AWS": f"arn:aws:iam::{US}:root"}),
        allow({"AWS": US}),
        allow({"AWS": [TESS]}),
        allow({"AWS": f"arn:aws:sts::{US}:assumed-role/Ops/tess"}),
        allow({"AWS": "*"}, {"StringEquals": {"aws:PrincipalAccount": US}}),
        allow("*", {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{US}:role/*"}}),
        allow("*", {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-msp1234567"}}),
        allow({"AWS": "*"}, {"StringEquals": {"sts:ExternalId": "harbour-7"}}),
        allow("*", {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        allow({"Federated": f"arn:aws:iam::{CLIENT}:saml-provider/Northlight"}, {"StringEquals": {"SAML:aud": "https://signin"}}),
        allow({"Service": "sns.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:us-east-1:{US}:topic"}}),
    ],
)
def test_all_that_names_us_is_found_and_as_the_last_is_denied(statement: dict[str, Any]) -> None:
    before = document(statement)
    assert pieces_of(before, OURS)
    taken = take_out(before, OURS, "us")
    assert taken.denied
    assert statements(taken.document)[0] == statement
    assert statements(taken.document)[1]["Effect"] == "Deny"
    assert not pieces_of(taken.document, OURS)
    beside = document(allow({"AWS": THEIRS[0]}), statement)
    assert take_out(beside, OURS, "us").document == document(allow({"AWS": THEIRS[0]}))


@pytest.mark.parametrize(
    "statement",
    [
        allow({"AWS": THEIRS[0]}),
        allow("*"),
        allow({"AWS": "*"}, {"StringNotEquals": {"aws:PrincipalAccount": US}}),
        allow({"AWS": "*"}, {"StringEquals": {"sts:ExternalId": "harbour-77"}}),
        allow({"AWS": THEIRS[0]}, {"StringEquals": {"sts:ExternalId": "harbour-7"}}),
        allow({"Service": "ec2.amazonaws.com"}),
        {**allow({"AWS": TESS}), "Effect": "Deny"},
        {"Effect": "Allow", "NotPrincipal": {"AWS": TESS}, "Action": "*"},
    ],
)
def test_what_does_not_name_us_stays(statement: dict[str, Any]) -> None:
    before = document(statement)
    assert not pieces_of(before, OURS)
    assert take_out(before, OURS, "us") == (before, (), False)


def test_of_several_holders_each_goes_alone_and_comes_back_in_any_order() -> None:
    before = document(allow({"AWS": [THEIRS[0], TESS, BEN]}), allow({"AWS": [BEN], "Federated": "cognito"}, Sid="Second"))
    tess, ben = Marks(values=frozenset({TESS})), Marks(values=frozenset({BEN}))
    first = take_out(before, tess, "tess")
    second = take_out(first.document, ben, "ben")
    assert statements(second.document) == [allow({"AWS": [THEIRS[0]]}), allow({"Federated": "cognito"}, Sid="Second")]
    for order in ((("tess", first), ("ben", second)), (("ben", second), ("tess", first))):
        now = second.document
        for holder, taken in order:
            now = put_back(now, loaded(dumped(taken.pieces)), holder)
            assert same(put_back(now, taken.pieces, holder), now)
        assert same(now, before)


def test_where_two_of_ours_are_all_there_is_the_last_one_is_denied() -> None:
    before = document(allow({"AWS": [TESS, BEN]}))
    first = take_out(before, Marks(values=frozenset({TESS})), "tess")
    second = take_out(first.document, Marks(values=frozenset({BEN})), "ben")
    assert (first.denied, second.denied) == (False, True)
    assert statements(second.document)[0] == allow({"AWS": [BEN]})
    back = put_back(put_back(second.document, first.pieces, "tess"), second.pieces, "ben")
    assert same(back, before)


def test_a_condition_that_holds_too_where_nothing_is_said_is_never_denied_to_those_who_say_nothing() -> None:
    other = {"Bool": {"aws:SecureTransport": "true"}, "StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}
    shared = allow("*", {**other, "StringEqualsIfExists": {"aws:SourceVpce": "vpce-1", "aws:PrincipalOrgID": "o-msp1234567"}}, Sid="all")
    denied = {"Bool": other["Bool"], "StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}
    for beside in ((), (allow({"AWS": THEIRS[0]}),), (allow({"AWS": [TESS, THEIRS[1]]}),)):
        before = document(*beside, shared)
        taken = take_out(before, OURS, "us")
        after = statements(taken.document)
        assert shared in after, "others come in by it, whose requests do not name an organisation"
        denials = [one for one in after if one["Effect"] == "Deny"]
        assert [one["Condition"] for one in denials] == [denied | {"StringEquals": {"aws:PrincipalOrgID": "o-msp1234567"}}]
        assert not pieces_of(taken.document, OURS)
        assert others(taken.document, OURS) == others(before, OURS)
        assert put_back(taken.document, loaded(dumped(taken.pieces)), "us") == before


def test_each_condition_that_we_fit_and_that_holds_where_nothing_is_said_is_denied_by_itself() -> None:
    both = allow("*", {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-msp1234567", "aws:PrincipalAccount": US}})
    taken = take_out(document(both), OURS, "us")
    assert [one["Condition"] for one in statements(taken.document)[1:]] == [
        {"StringEqualsIfExists": {"aws:PrincipalAccount": US}, "StringEquals": {"aws:PrincipalOrgID": "o-msp1234567"}},
        {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-msp1234567"}, "StringEquals": {"aws:PrincipalAccount": US}},
    ]
    assert put_back(taken.document, loaded(dumped(taken.pieces)), "us") == document(both)


def test_a_single_statement_may_stand_without_a_list() -> None:
    before = {"Version": "2012-10-17", "Statement": allow({"AWS": TESS})}
    taken = take_out(before, OURS, "us")
    assert taken.denied
    assert same(put_back(taken.document, taken.pieces, "us"), before)


values = st.lists(st.sampled_from([TESS, BEN, f"arn:aws:iam::{US}:root", *THEIRS]), min_size=1, max_size=4, unique=True)
conditions = st.sampled_from(
    [
        None,
        {"StringEquals": {"aws:PrincipalAccount": [US, OTHER]}},
        {"StringEquals": {"sts:ExternalId": "harbour-7"}},
        {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        {"StringLike": {"aws:PrincipalArn": f"arn:aws:iam::{US}:*"}, "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
    ]
)
one_statement = st.builds(
    lambda principal, condition, effect, sid: {**allow(principal, condition), "Effect": effect, "Sid": sid},
    st.one_of(
        values.map(lambda found: {"AWS": found}), st.just("*"), values.map(lambda found: {"AWS": found, "Service": "ec2.amazonaws.com"})
    ),
    conditions,
    st.sampled_from(["Allow", "Allow", "Allow", "Deny"]),
    st.uuids().map(lambda one: one.hex),
)


@given(st.lists(one_statement, min_size=1, max_size=4))
def test_any_policy_is_left_without_us_and_with_everybody_else_and_comes_back(every: list[dict[str, Any]]) -> None:
    before = document(*every)
    taken = take_out(before, OURS, "us")
    assert not pieces_of(taken.document, OURS)
    assert same(document(*others(taken.document, OURS)), document(*others(before, OURS)))
    assert bool(taken.pieces) == bool(pieces_of(before, OURS))
    back = put_back(taken.document, loaded(dumped(taken.pieces)), "us")
    assert same(back, before)
    assert same(put_back(back, taken.pieces, "us"), back)
    if taken.pieces:
        errand = Errand({"RoleName": "r"}, document=before, marks=OURS)
        params = {"RoleName": "r", "PolicyDocument": json.dumps(taken.document)}
        assert may_send("iam", "UpdateAssumeRolePolicy", params, errand)
        harmed = [one for one in statements(taken.document) if not str(one.get("Sid")).startswith(SID)]
        theirs = [at for at, one in enumerate(harmed) if others(document(one), OURS)]
        for at in theirs:
            less = document(*harmed[:at], *harmed[at + 1 :])
            assert not may_send("iam", "UpdateAssumeRolePolicy", params | {"PolicyDocument": json.dumps(less)}, errand)


@pytest.mark.parametrize(
    ("statement", "anybody"),
    [
        (allow("*"), True),
        (allow({"AWS": ["*", TESS]}), True),
        (allow("*", {"Bool": {"aws:SecureTransport": "true"}}), True),
        (allow("*", {"StringNotEquals": {"aws:PrincipalAccount": OTHER}}), True),
        (allow("*", {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-client"}}), True),
        (allow("*", {"StringLike": {"aws:PrincipalArn": "*"}}), True),
        (allow("*", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/backup"}}), True),
        (allow("*", {"IpAddress": {"aws:SourceIp": ["198.51.100.7/32", "0.0.0.0/0"]}}), True),
        (allow("*", {"StringEquals": {"aws:PrincipalAccount": CLIENT}}), False),
        (allow({"AWS": "*"}, {"StringEquals": {"kms:CallerAccount": CLIENT}, "Bool": {"aws:SecureTransport": "true"}}), False),
        (allow("*", {"IpAddress": {"aws:SourceIp": "198.51.100.7/32"}}), False),
        (allow({"AWS": THEIRS[1]}), False),
        (allow("*") | {"Effect": "Deny"}, False),
        ({"Effect": "Allow", "NotPrincipal": {"AWS": THEIRS[1]}, "Action": "*"}, True),
    ],
)
def test_whether_a_statement_lets_in_anybody(statement: dict[str, Any], anybody: bool) -> None:
    assert lets_anybody_in(document(statement)) is anybody


ACCOUNT = Account.model_validate(
    {
        "account_id": CLIENT,
        "regions": ["eu-central-1"],
        "access": {"access_key": "env:A", "secret_key": "env:B"},
        "ours": {
            "accounts": [{"id": US, "holder": "us"}],
            "conditions": [{"value": one, "holder": "us"} for one in ("harbour-7", "o-msp1234567", "203.0.113.0/24")],
        },
        "client": {"known": ["o-client", "198.51.100.0/24"]},
    }
)
TOLD = "it lets in {}, of which the engagement file says nothing"


def test_an_account_of_which_nobody_said_anything_is_named() -> None:
    named = {"AWS": [TESS, THEIRS[0], THEIRS[1], "222222222222", "*", "AIDAEXAMPLE", "arn:aws:sts::333333333333:assumed-role/Ops/sam"]}
    found = document(allow(named), allow({"Service": "ec2.amazonaws.com"}), allow({"AWS": "444444444444"}) | {"Effect": "Deny"})
    assert list(let_in_besides(found, "it", ACCOUNT)) == [
        "it lets in anybody, and so us",
        *(TOLD.format(f"the account {one}") for one in ("222222222222", "333333333333", OTHER)),
    ]


CANONICAL = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (allow("*", {"StringEquals": {"aws:PrincipalAccount": [US, CLIENT, OTHER]}}), f"the account {OTHER}"),
        (allow({"AWS": "*"}, {"ArnLikeIfExists": {"aws:PrincipalArn": f"arn:aws:iam::{OTHER}:role/*"}}), f"the account {OTHER}"),
        (
            allow({"Service": "sns.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:us-east-1:{OTHER}:t"}}),
            f"the account {OTHER}",
        ),
        (
            allow("*", {"StringEquals": {"aws:PrincipalOrgID": ["o-client", "o-msp1234567", "o-msp7654321"]}}),
            "the organisation o-msp7654321",
        ),
        (allow("*", {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-msp7654321/r-1/*"}}), "the organisation o-msp7654321"),
        (allow("*", {"IpAddress": {"aws:SourceIp": ["198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24"]}}), "the address 192.0.2.0/24"),
        (allow({"CanonicalUser": CANONICAL}), f"the canonical user {CANONICAL}"),
    ],
)
def test_whoever_is_let_in_by_a_condition_or_a_canonical_id_is_told(statement: dict[str, Any], told: str) -> None:
    assert TOLD.format(told) in list(let_in_besides(document(statement), "it", ACCOUNT))
    assert len([one for one in let_in_besides(document(statement), "it", ACCOUNT) if "anybody" not in one]) == 1


def test_an_external_id_says_nothing_of_who_comes() -> None:
    lets_in = document(allow("*", {"StringEquals": {"sts:ExternalId": "known-to-many"}}))
    assert list(let_in_besides(lets_in, "it", ACCOUNT)) == ["it lets in anybody, and so us"]
